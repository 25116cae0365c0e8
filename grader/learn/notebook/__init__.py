"""The workbook in notebooks: export makes a chapter's, first_cell finds or fetches the workbook there, live checks
koans from a kernel, shown is what a check looks like, bring takes answers back into exercises/.
"""
