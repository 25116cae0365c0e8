"""Finds the answers to koans in a notebook without running anything.

`notebook_file` reads the file and its code cells. `statements` parses a cell. `answers` puts together the text of each
koan from the statements that define its functions.
"""
