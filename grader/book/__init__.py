"""What a workbook is: content, koans and cards as frozen data, the result of a run, and how they are read and shown."""
