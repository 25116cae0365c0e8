"""The workbook in Jupyter notebooks: exports chapters, checks koans in a running kernel, imports answers.

`export` writes the notebook of a chapter. `first_cell` is the text of its first cell, which finds or fetches the
workbook. `live` checks koans from a kernel, and `render` shows the results. `import_answers` writes the answers of a
notebook into exercises/.
"""
