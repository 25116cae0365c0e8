"""A plain gradebook: a CSV file with a row for each student, for a spreadsheet or another program.

It is UTF-8, with commas. Moodle's import of grades (grade/import/csv in Moodle) reads it, too: there the instructor
says which column names the student and which has the points.
"""

from __future__ import annotations

from collections.abc import Iterator

from grader.book.points import amount
from grader.book.verdict import one_line
from grader.course.grade import Class, Grade
from grader.course.report.common import LONGEST, total
from grader.course.report.spreadsheet import line, neutral


def gradebook(results: Class) -> Iterator[str]:
    """One line at a time. Under assignments, each has a column with its points, called like it.

    What a spreadsheet would run as a formula is disarmed.
    """
    titles = list(dict.fromkeys(mark.assignment for grade in results.grades for mark in grade.marks))
    late = ["days late"] if titles else []
    yield _line(["student", "name", *titles, "total", "possible", *late, "handed in", "problem", "notes"])
    for grade in results.grades:
        marks = {mark.assignment: mark for mark in grade.marks}
        points = [amount(marks[title].earned) if title in marks else "" for title in titles]
        days = [str(sum(mark.days_late for mark in grade.marks))] if titles else []
        sums = [amount(value) for value in total(grade)]
        yield _line(
            [grade.student, grade.submission, *points, *sums, *days, _handed_in(grade), grade.problem, _notes(grade)]
        )


def _handed_in(grade: Grade) -> str:
    """When the work was handed in that counts. With several assignments it may be several hand-ins."""
    times = dict.fromkeys(mark.handed_in for mark in grade.marks if mark.handed_in)
    return "; ".join(times) or grade.handed_in


def _notes(grade: Grade) -> str:
    of_marks = [note for mark in grade.marks for note in mark.notes]
    return "; ".join(one_line(note) for note in dict.fromkeys([*of_marks, *grade.notes]))


def _line(cells: list[str]) -> str:
    return line([neutral(one_line(cell, LONGEST)) for cell in cells])
