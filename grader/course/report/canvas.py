"""Canvas's gradebook CSV: writes points into the file that Canvas exports (Grades, Export), for import into Canvas.

Canvas's guides describe export and import. canvas-lms defines the format in lib/gradebook_importer.rb and
lib/gradebook_exporter.rb: the columns about the student up to Section, one column for each assignment ("Title (id)"),
then totals. A row "Points Possible" stands before the students, sometimes with a row "Manual Posting" before it. Cells
are separated by `,` or `;`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, get_args

from grader.book.errors import KoansError
from grader.book.points import amount
from grader.book.verdict import one_line
from grader.course.grade import Class, Grade
from grader.course.report import spreadsheet
from grader.course.report.common import total
from grader.course.report.owners import ID, Name, Owner, left_out, owners
from grader.course.report.spreadsheet import Merged, Sheet, neutral

IdColumn = Literal["SIS User ID", "SIS Login ID", "ID", "Integration ID"]
ID_COLUMNS: tuple[IdColumn, ...] = get_args(IdColumn)
KINDS = (ID, "before @", "name")  # the names of a row, in the order of trust; "before @" is part of an SIS login id
STUDENT_COLUMNS = {"Student", "LastName", "FirstName", "Section", "Root Account", *ID_COLUMNS}
# Canvas's import treats a column of such a name as a total, not as an assignment (gradebook_importer.rb).
TOTALS = re.compile("(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)")


def merge(export: str, classroom: Class, column: str) -> Merged:
    """Write the points into the column of this name. The column is added if the export has none.

    Under several assignments, each has a column that is called like it, and `column` is not used.

    Other cells keep their values, apart from formulas, which `neutral` disarms. `owners` says which row is whose.
    Raises KoansError if `export` is not a gradebook exported by Canvas.
    """
    sheet = _read(export)
    header, *rows = sheet.table
    students = {i: row for i, row in enumerate(rows) if _is_student(header, row)}
    names = {i: list(_names(dict(zip(header, row, strict=False)))) for i, row in students.items()}
    graded = [*zip(owners(classroom.grades, names, KINDS), classroom.grades, strict=True)]
    notes = [f"{owner.label}: {note}" for owner, grade in graded for note in _told(owner, grade)]
    titles = list(dict.fromkeys(mark.assignment for _, grade in graded for mark in grade.marks))
    for title in titles if len(titles) > 1 else [""]:
        name = one_line(title) or column
        place = _find_column(header, name)
        if place is None:
            place = _add_column(sheet.table, name)
        most = 0.0
        for owner, grade in graded:
            earned, possible = _points(grade, title)
            most = max(most, possible)
            if owner.row is not None and not left_out(grade, title):
                students[owner.row][place] = amount(earned)
        notes += _write_points_possible(header, rows, place, most)
    for row in students.values():
        row[:] = [neutral(cell) for cell in row]
    return Merged(spreadsheet.written(sheet), tuple(notes))


def check(export: str) -> None:
    """Raise KoansError if this is not a gradebook exported by Canvas."""
    _read(export)


def _read(export: str) -> Sheet:
    sheet = spreadsheet.read(export)
    header = sheet.table[0] if sheet.table else []
    if not {"ID", "Section"} <= set(header) or header[0] not in ("Student", "LastName"):
        raise KoansError(
            "canvas: this is not an export of Canvas's gradebook: its first row has Student, ID and Section"
        )
    return sheet


def _find_column(header: Sequence[str], assignment: str) -> int | None:
    """The index of the assignment's column. `assignment` is its title, its id or "Title (id)"."""
    for i, title in enumerate(header):
        if title in STUDENT_COLUMNS or TOTALS.search(title):
            continue
        named = re.fullmatch(r"(.*?)\s*\((\d+)\)", title, re.DOTALL)
        if assignment == title or (named and assignment in (named[1], named[2])):
            return i
    return None


def _add_column(table: Sequence[list[str]], assignment: str) -> int:
    """Insert an empty column of this title before the totals. Returns its index."""
    header, *rows = table
    column = next((i for i, title in enumerate(header) if TOTALS.search(title)), len(header))
    for row in rows:
        row += [""] * (len(header) - len(row))
        row.insert(column, "")
    header.insert(column, assignment)
    return column


def _told(owner: Owner, grade: Grade) -> Iterator[str]:
    """Why a grade has no row, or why its points may not be trusted."""
    if owner.row is None:
        yield owner.reason
    elif not grade.trusted:
        yield "graded without the complete sandbox"


def _points(grade: Grade, title: str) -> tuple[float, float]:
    """Points earned and possible for the assignment of this title. Without a title, for all."""
    if not title:
        return total(grade)
    mark = next((mark for mark in grade.marks if mark.assignment == title), None)
    return (mark.earned, mark.points) if mark else (0, 0)


def _is_student(header: Sequence[str], row: Sequence[str]) -> bool:
    """Students have an id; Canvas's own rows, like Points Possible, have none."""
    ids = [cell for title, cell in zip(header, row, strict=False) if title in ID_COLUMNS and cell.strip()]
    return bool(ids) and "Points Possible" not in row[0]


def _names(cells: Mapping[str, str]) -> Iterator[Name]:
    """Everything that a student's row may be called by. `cells` maps a column's title to the cell."""
    for column in ID_COLUMNS:
        yield ID, cells.get(column, "")
    yield "before @", cells.get("SIS Login ID", "").partition("@")[0]
    last, _, given = cells.get("Student", "").partition(",")
    last, given = cells.get("LastName", last).strip(), cells.get("FirstName", given).strip()
    yield from (("name", f"{last}, {given}"), ("name", f"{given} {last}"), ("name", cells.get("Student", "")))


def _write_points_possible(
    header: Sequence[str], rows: Sequence[list[str]], column: int, points: float
) -> Iterator[str]:
    """Write the points of all koans into the row Points Possible. Keep a number that is there; note if it differs."""
    for row in rows:
        if row and "Points Possible" in row[0]:
            canvas_points = row[column].strip().replace(",", ".")
            if not canvas_points:
                row[column] = amount(points)
            elif not re.fullmatch(r"\d+(\.\d+)?", canvas_points) or float(canvas_points) != points:
                differs = f"{header[column]} has {row[column]} possible points, but the koans have {amount(points)}"
                yield f"{differs}: points were not scaled"
