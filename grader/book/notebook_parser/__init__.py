"""Finds the answers to koans in a notebook without running anything.

`notebook_file` reads the file and its code cells. `statements` parses a cell, `scope` tells what its code binds and
uses. `slicing` selects the statements that an answer needs, and `answers` puts together the text of each koan.
"""
