"""`koans similarity`: which students' answers are so alike that an instructor may want to ask.

`spelling` and `normal_form` take from a text what a copier changes first: names, order, formatting. `fingerprints`
finds parts that two answers share. `answers` reads what was handed in, `shipped` what the workbook ships. `rarity`
counts how many of the class write something by themselves, `evidence` adds up what two students share, and `survey`
does it for a class. `screen`, `as_json` and `page` show the result.

It only compares texts: nothing that was handed in is run.
"""
