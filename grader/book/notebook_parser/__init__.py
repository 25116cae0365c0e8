"""What the cells of a notebook define: their text as it came (file), as statements (python), as answers to koans by
function name (answers), and the same in a process shut in for it, for strangers' notebooks (apart). Nothing is run.
"""
