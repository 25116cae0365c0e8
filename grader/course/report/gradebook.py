"""A plain gradebook: a CSV file with a row for each student, for a spreadsheet or another program.

It is UTF-8, with commas. Moodle's import of grades (grade/import/csv in Moodle) reads it, too: there
the instructor says which column names the student and which has the points.
"""

from __future__ import annotations

from collections.abc import Iterator

from grader.book.verdict import one_line
from grader.course.grade import Class
from grader.course.report.common import LONGEST, amount, total
from grader.course.report.spreadsheet import line, neutral

HEADER = ("student", "name", "total", "possible", "handed in", "problem", "notes")


def gradebook(results: Class) -> Iterator[str]:
    """One line at a time. What a spreadsheet would run as a formula is disarmed."""
    yield line(HEADER)
    for grade in results.grades:
        earned, possible = total(grade)
        notes = "; ".join(one_line(note) for note in grade.notes)
        cells = (grade.student, grade.submission, amount(earned), amount(possible), grade.handed_in, grade.problem)
        yield line([neutral(one_line(cell, LONGEST)) for cell in (*cells, notes)])
