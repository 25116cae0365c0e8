"""Mechanical mistakes: small changes to the workbook's own answers, which the tests of a koan must notice."""
