"""Canvas's gradebook CSV: points merged into the file that Canvas itself exports (Grades, Export), for import again.

Canvas's guides describe export and import; what an import takes is read from canvas-lms, lib/gradebook_importer.rb and
lib/gradebook_exporter.rb: the student's columns up to Section, one column an assignment ("Title (id)"), totals, a row
"Points Possible", maybe one of "Manual Posting" before it, and `,` or `;` between cells.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

import msgspec

from grader.book.errors import KoansError
from grader.course.grade import Class, Grade
from grader.course.report.common import shown, total

BY = ("SIS User ID", "SIS Login ID", "ID", "Integration ID")
STUDENT = {"Student", "LastName", "FirstName", "Section", "Root Account", *BY}
# An import takes a column of such a name for a total, not for an assignment (gradebook_importer.rb).
TOTALS = re.compile("(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)")
NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?%?")


class Merged(msgspec.Struct, frozen=True):
    """The new file, and what an instructor must know: who was not found, and points that do not fit."""

    text: str
    notes: tuple[str, ...]


def merge(export: str, classroom: Class, assignment: str) -> Merged:
    """Fill the assignment's column, which is added if the export has none. Everyone else's cells stay as they are.

    A submission is a student's whose SIS user id, SIS login id (or what stands before its @), id or name it bears.
    Raises KoansError if this is no export of Canvas's.
    """
    sheet = _read(export)
    header, *rows = sheet.table
    column = _column(header, assignment)
    if column is None:
        column = _add_column(sheet.table, assignment)
    students = {i: row for i, row in enumerate(rows) if _is_student(header, row)}
    most = max((total(grade)[1] for grade in classroom.grades), default=0)
    notes = [*_fill(header, students, column, classroom.grades), *_points(header, rows, column, most)]
    for row in students.values():
        row[:] = [neutral(cell) for cell in row]
    return Merged(_text(sheet), tuple(notes))


class _Sheet(msgspec.Struct, frozen=True):
    """Canvas's export: a header and rows, and how the file writes them. The rows are filled in place."""

    table: list[list[str]]
    mark: str
    between: str
    ends: str


def _read(export: str) -> _Sheet:
    mark = "\ufeff" if export.startswith("\ufeff") else ""
    export = export.removeprefix("\ufeff")
    first = export.partition("\n")[0]
    between = ";" if first.count(";") > first.count(",") else ","
    table = list(csv.reader(io.StringIO(export, newline=""), delimiter=between))
    if not table or not {"ID", "Section"} <= set(table[0]) or table[0][0] not in ("Student", "LastName"):
        raise KoansError("canvas: this is no export of Canvas's gradebook: its first row has Student, ID and Section")
    return _Sheet(table, mark, between, "\r\n" if first.endswith("\r") else "\n")


def _text(sheet: _Sheet) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=sheet.between, lineterminator=sheet.ends).writerows(sheet.table)
    return sheet.mark + out.getvalue()


def neutral(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula. Numbers may have a sign."""
    cell = shown(cell)
    bare = cell.lstrip()
    dangerous = cell[:1] in ("\t", "\r", "\n") or bare[:1] in ("=", "+", "-", "@", "＝", "＋", "－", "＠")
    return f"'{cell}" if dangerous and not NUMBER.fullmatch(cell) and cell != "-" else cell


def _column(header: Sequence[str], assignment: str) -> int | None:
    """Where the assignment stands, by "Title (id)", its title or its id."""
    for i, title in enumerate(header):
        if title in STUDENT or TOTALS.search(title):
            continue
        named = re.fullmatch(r"(.*?)\s*\((\d+)\)", title, re.DOTALL)
        if assignment == title or (named and assignment in (named[1], named[2])):
            return i
    return None


def _add_column(table: Sequence[list[str]], assignment: str) -> int:
    """Put an empty column of this title before the totals, and say where it stands."""
    header, *rows = table
    column = next((i for i, title in enumerate(header) if TOTALS.search(title)), len(header))
    for row in rows:
        row += [""] * (len(header) - len(row))
        row.insert(column, "")
    header.insert(column, assignment)
    return column


def _fill(header: Sequence[str], students: dict[int, list[str]], column: int, grades: Sequence[Grade]) -> Iterator[str]:
    """Write each grade's points into the row of its student. Says which grades have no row, and which are in doubt."""
    taken: dict[int, str] = {}
    for grade in grades:
        name = shown(grade.submission, 200).replace("\n", " ")
        found = _who(header, students, grade.submission)
        why = _left_out(grade, found, taken)
        if why:
            yield f"{name}: {why}"
            continue
        taken[found[0]] = name
        students[found[0]][column] = str(total(grade)[0])
        if not grade.trusted:
            yield f"{name}: graded without the whole sandbox"


def _left_out(grade: Grade, found: Sequence[int], taken: dict[int, str]) -> str:
    """Why these points go into no row, or an empty string. `taken` says whose points are in a row already."""
    if grade.problem:
        return "left out, nothing could be graded"
    if not found:
        return "no student of this name in the gradebook"
    if len(found) > 1:
        return "several students of this name in the gradebook"
    if found[0] in taken:
        return f"left out, {taken[found[0]]} is the same student's"
    return ""


def _is_student(header: Sequence[str], row: Sequence[str]) -> bool:
    identity = [cell for title, cell in zip(header, row, strict=False) if title in BY and cell.strip()]
    return bool(identity) and "Points Possible" not in row[0]


def _who(header: Sequence[str], students: dict[int, list[str]], submission: str) -> list[int]:
    """Rows of those whom the first kind of name that fits anybody names."""
    wanted = submission.strip().casefold()
    kinds: dict[str, list[int]] = {}
    for i, row in students.items():
        cells = dict(zip(header, row, strict=False))
        for kind, name in _names(cells):
            if name.strip().casefold() == wanted and wanted:
                kinds.setdefault(kind, []).append(i)
    order = [*BY, "before @", "name"]
    return next((sorted(set(kinds[kind])) for kind in order if kind in kinds), [])


def _names(cells: dict[str, str]) -> Iterator[tuple[str, str]]:
    for kind in BY:
        yield kind, cells.get(kind, "")
    yield "before @", cells.get("SIS Login ID", "").partition("@")[0]
    last, _, given = cells.get("Student", "").partition(",")
    last, given = cells.get("LastName", last).strip(), cells.get("FirstName", given).strip()
    yield from (("name", f"{last}, {given}"), ("name", f"{given} {last}"), ("name", cells.get("Student", "")))


def _points(header: Sequence[str], rows: Sequence[list[str]], column: int, ours: int) -> Iterator[str]:
    """Say what a new column is out of; where one had a number, keep it and say if it is another."""
    for row in rows:
        if row and "Points Possible" in row[0]:
            theirs = row[column].strip().replace(",", ".")
            if not theirs:
                row[column] = str(ours)
            elif not re.fullmatch(r"\d+(\.\d+)?", theirs) or float(theirs) != ours:
                yield f"{header[column]} is out of {row[column]}, the koans out of {ours}: points were not scaled"
