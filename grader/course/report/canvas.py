"""Canvas's gradebook CSV: writes points into the file that Canvas exports (Grades, Export), for import into Canvas.

Canvas's guides describe export and import. canvas-lms defines the format in lib/gradebook_importer.rb and
lib/gradebook_exporter.rb: the columns about the student up to Section, one column for each assignment ("Title (id)"),
then totals. A row "Points Possible" stands before the students, sometimes with a row "Manual Posting" before it. Cells
are separated by `,` or `;`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, get_args

import msgspec

from grader.book.errors import KoansError
from grader.book.points import amount
from grader.book.verdict import one_line
from grader.course.grade import Class, Grade
from grader.course.report.common import total
from grader.course.report.names import labels
from grader.course.report.spreadsheet import Merged, neutral
from grader.course.students import NOTHING_HANDED_IN

IdColumn = Literal["SIS User ID", "SIS Login ID", "ID", "Integration ID"]
Kind = Literal["id", "before @", "name"]  # what names a student; "before @" is part of an SIS login id
ID_COLUMNS: tuple[IdColumn, ...] = get_args(IdColumn)
STUDENT_COLUMNS = {"Student", "LastName", "FirstName", "Section", "Root Account", *ID_COLUMNS}
# Canvas's import treats a column of such a name as a total, not as an assignment (gradebook_importer.rb).
TOTALS = re.compile("(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)")


def merge(export: str, classroom: Class, column: str) -> Merged:
    """Write the points into the column of this name. The column is added if the export has none.

    Under several assignments, each has a column that is called like it, and `column` is not used.

    Other cells keep their values, apart from formulas, which `neutral` disarms. A submission whose student is known
    belongs to the row with this id, and to no other. Any other submission belongs to the student whose id, SIS user id,
    SIS login id (or its part before the @) or name is the submission's name. Where several submissions claim a row,
    only one whose student is known gets it. Raises KoansError if `export` is not a gradebook exported by Canvas.
    """
    sheet = _read(export)
    header, *rows = sheet.table
    students = {i: row for i, row in enumerate(rows) if _is_student(header, row)}
    called = _called(header, students)
    graded = [
        (_claim(called, label, grade), grade)
        for label, grade in zip(labels(classroom.grades), classroom.grades, strict=True)
    ]
    titles = list(dict.fromkeys(mark.assignment for _, grade in graded for mark in grade.marks))
    notes: list[str] = []
    for title in titles if len(titles) > 1 else [""]:
        name = one_line(title) or column
        place = _find_column(header, name)
        if place is None:
            place = _add_column(sheet.table, name)
        claims = [claim.of(grade, title) for claim, grade in graded]
        notes += _write_points(students, place, claims)
        notes += _write_points_possible(header, rows, place, max((claim.possible for claim in claims), default=0))
    notes = list(dict.fromkeys(notes))
    for row in students.values():
        row[:] = [neutral(cell) for cell in row]
    return Merged(_text(sheet), tuple(notes))


def check(export: str) -> None:
    """Raise KoansError if this is not a gradebook exported by Canvas."""
    _read(export)


class _Sheet(msgspec.Struct, frozen=True):
    """Canvas's export: the table (its first row is the header), and how the file writes it.

    No row but an empty line is shorter than the header. The rows are changed in place.
    """

    table: list[list[str]]
    byte_order_mark: str
    delimiter: str
    line_end: str


def _read(export: str) -> _Sheet:
    byte_order_mark = "\ufeff" if export.startswith("\ufeff") else ""
    export = export.removeprefix("\ufeff")
    first = export.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    table = list(csv.reader(io.StringIO(export, newline=""), delimiter=delimiter))
    if not table or not {"ID", "Section"} <= set(table[0]) or table[0][0] not in ("Student", "LastName"):
        raise KoansError(
            "canvas: this is not an export of Canvas's gradebook: its first row has Student, ID and Section"
        )
    for row in table:
        if row:  # an empty line stays empty
            _pad(row, len(table[0]))
    return _Sheet(table, byte_order_mark, delimiter, "\r\n" if first.endswith("\r") else "\n")


def _pad(row: list[str], width: int) -> None:
    """Add empty cells to a row that is shorter than `width`."""
    row += [""] * (width - len(row))


def _text(sheet: _Sheet) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=sheet.delimiter, lineterminator=sheet.line_end).writerows(sheet.table)
    return sheet.byte_order_mark + out.getvalue()


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
        _pad(row, len(header))
        row.insert(column, "")
    header.insert(column, assignment)
    return column


class _Claim(msgspec.Struct, frozen=True):
    """The rows that may be a grade's student. `known`: the grade has the student's id, so nobody had to guess.

    `earned` and `possible` are points. `student`, `problem` and `trusted` are the grade's.
    """

    label: str
    student: str
    problem: str
    trusted: bool
    earned: float
    possible: float
    rows: tuple[int, ...]
    known: bool

    def of(self, grade: Grade, title: str) -> _Claim:
        """The claim with the points of the assignment of this title. Without a title, of all.

        Under an assignment, points are left out if nothing was graded and nobody decided about them.
        """
        if not grade.marks:
            earned, possible = total(grade)
            return msgspec.structs.replace(self, earned=earned, possible=possible)
        marks = tuple(mark for mark in grade.marks if title in ("", mark.assignment))
        earned, possible = (sum(points) for points in zip((0, 0), *((m.earned, m.points) for m in marks), strict=True))
        problem = (self.problem or NOTHING_HANDED_IN) if all(mark.missing for mark in marks) else ""
        return msgspec.structs.replace(self, earned=earned, possible=possible, problem=problem)


def _write_points(students: Mapping[int, list[str]], column: int, claims: Sequence[_Claim]) -> Iterator[str]:
    """Write each grade's points into the row of its student. Yields a note for a grade without a row or without trust.

    `students` maps the index of a row to the row. The order of the claims makes no difference to what is written.
    """
    rivals: dict[int, list[_Claim]] = {}
    for claim in claims:
        if len(claim.rows) == 1 and not claim.problem:
            rivals.setdefault(claim.rows[0], []).append(claim)
    for claim in claims:
        reason = _reason_to_skip(claim, rivals)
        if reason:
            yield f"{claim.label}: {reason}"
            continue
        students[claim.rows[0]][column] = amount(claim.earned)
        if not claim.trusted:
            yield f"{claim.label}: graded without the complete sandbox"


def _claim(called: Mapping[tuple[Kind, str], set[int]], label: str, grade: Grade) -> _Claim:
    kinds: tuple[Kind, ...] = ("id",) if grade.student else ("id", "before @", "name")
    rows = _matching_rows(called, grade.student or grade.submission, kinds)
    return _Claim(label, grade.student, grade.problem, grade.trusted, 0, 0, rows, bool(grade.student))


def _reason_to_skip(claim: _Claim, rivals: Mapping[int, Sequence[_Claim]]) -> str:
    """Why these points are not written, or an empty string. `rivals` are all claims of a row."""
    student = f"with the id {one_line(claim.student, 80)}" if claim.known else "of this name"
    if claim.problem:
        nothing = claim.problem == NOTHING_HANDED_IN
        return f"left out, {NOTHING_HANDED_IN if nothing else 'nothing could be graded'}"
    if not claim.rows:
        return f"no student {student} in the gradebook"
    if len(claim.rows) > 1:
        return f"several students {student} in the gradebook"
    others = [other for other in rivals[claim.rows[0]] if other is not claim]
    if not others or (claim.known and not any(other.known for other in others)):
        return ""
    names = ", ".join(other.label for other in others)
    return f"left out, {names} {'belongs' if len(others) == 1 else 'belong'} to the same student"


def _is_student(header: Sequence[str], row: Sequence[str]) -> bool:
    """Students have an id; Canvas's own rows, like Points Possible, have none."""
    ids = [cell for title, cell in zip(header, row, strict=False) if title in ID_COLUMNS and cell.strip()]
    return bool(ids) and "Points Possible" not in row[0]


def _called(header: Sequence[str], students: Mapping[int, list[str]]) -> dict[tuple[Kind, str], set[int]]:
    """The rows of the students that have a name or id, in small letters."""
    called: dict[tuple[Kind, str], set[int]] = {}
    for i, row in students.items():
        for kind, name in _names(dict(zip(header, row, strict=False))):
            called.setdefault((kind, name.strip().casefold()), set()).add(i)
    return called


def _matching_rows(called: Mapping[tuple[Kind, str], set[int]], wanted: str, kinds: Sequence[Kind]) -> tuple[int, ...]:
    """The rows of the students that `wanted` may mean. The first of these kinds with a match decides."""
    wanted = wanted.strip().casefold()
    matches = (called[kind, wanted] for kind in kinds if wanted and (kind, wanted) in called)
    return tuple(sorted(next(matches, ())))


def _names(cells: Mapping[str, str]) -> Iterator[tuple[Kind, str]]:
    """Everything that a student's row may be called by. `cells` maps a column's title to the cell."""
    for column in ID_COLUMNS:
        yield "id", cells.get(column, "")
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
