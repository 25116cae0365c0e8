"""Moodle's grading worksheet: writes points into the file that Moodle exports, for import into Moodle.

An assignment exports it if its setting "Offline grading worksheet" is on (Download grading worksheet, Upload grading
worksheet). moodle defines the format in mod/assign/gradingtable.php, which writes the columns, and in
mod/assign/feedback/offline/importgradeslib.php and locallib.php, which read them. A row is found by `Identifier`: a
word and the number that the student has in this assignment ("Participant 123"). Moodle's download of submissions puts
the same number into the names of folders (mod/assign/classes/downloader.php). Moodle does not take points above
`Maximum grade`, nor a row whose grade was changed there after the export. The titles of columns follow the language
that the instructor has chosen in Moodle. A number may have the language's decimal comma.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from grader.book.errors import KoansError
from grader.book.points import amount
from grader.book.verdict import one_line
from grader.course.classroom import heads
from grader.course.grade import Class, Grade
from grader.course.report import spreadsheet
from grader.course.report.common import days_of, total
from grader.course.report.owners import ID, Name, Owner, owners

IDENTIFIER, GRADE, MAXIMUM, FEEDBACK = "identifier", "grade", "maximum grade", "feedback comments"
FULL_NAME, CHANGEABLE = "full name", "grade can be changed"
ID_COLUMNS = (IDENTIFIER, "id number", "username", "email address")
KINDS = (ID, "before @", "name")  # the names of a row, in the order of trust
COMMA = re.compile(r"\d+,\d+")


def merge(worksheet: str, classroom: Class) -> spreadsheet.Merged:
    """Write the points into the column `Grade`, and a line about them into `Feedback comments` where that is empty.

    A worksheet is about one assignment of Moodle. Under several of ours, the points are their sum.
    Other cells keep their values, apart from formulas, which are disarmed. `owners` says which row is whose. The number
    of an identifier counts only together with the name, because another system may have given the same number to
    somebody else. Raises KoansError if this is not a worksheet that Moodle exports in English.
    """
    sheet = _read(worksheet)
    header, *rows = sheet.table
    columns = {title.strip().casefold(): i for i, title in reversed(list(enumerate(header)))}
    students = {i: _Row(columns, row) for i, row in enumerate(rows) if row}
    comma = any(COMMA.fullmatch(row[title]) for row in students.values() for title in (GRADE, MAXIMUM))
    found = owners(classroom.grades, {i: list(_names(row)) for i, row in students.items()}, KINDS)
    found = [_with_name(*pair, students) for pair in zip(found, heads(classroom.grades), strict=True)]
    notes: list[str] = []
    most = 0.0
    for owner, grade in zip(found, classroom.grades, strict=True):
        earned, possible = total(grade)
        most = max(most, possible)
        if owner.row is None:
            notes.append(f"{owner.label}: {owner.reason}")
            continue
        row = students[owner.row]
        notes += [f"{owner.label}: {note}" for note in _doubts(row, grade, earned)]
        row[GRADE] = amount(earned).replace(".", "," if comma else ".")
        if not row[FEEDBACK].strip():
            row[FEEDBACK] = _feedback(grade)
    notes += _other_maximum(list(students.values()), most)
    for row in students.values():
        row.cells[:] = [spreadsheet.neutral(cell) for cell in row.cells]
    return spreadsheet.Merged(spreadsheet.written(sheet), tuple(notes))


def check(worksheet: str) -> None:
    """Raise KoansError if this is not a worksheet that Moodle exports in English."""
    _read(worksheet)


def _read(worksheet: str) -> spreadsheet.Sheet:
    sheet = spreadsheet.read(worksheet)
    titles = {title.strip().casefold() for title in sheet.table[0]} if sheet.table else set()
    if not {IDENTIFIER, GRADE} <= titles:
        raise KoansError(
            "moodle: this is not a grading worksheet of Moodle: its first row has Identifier and Grade. "
            "If your Moodle speaks another language, choose English there before the export and the import"
        )
    if "scale" in titles:
        raise KoansError("moodle: this assignment is graded with a scale; give it points in Moodle's settings")
    return sheet


class _Row(msgspec.Struct, frozen=True):
    """A student's row, whose cells are found by title, in small letters. A column that is missing has empty cells."""

    columns: Mapping[str, int]
    cells: list[str]

    def __getitem__(self, title: str) -> str:
        return self.cells[self.columns[title]] if title in self.columns else ""

    def __setitem__(self, title: str, text: str) -> None:
        if title in self.columns:
            self.cells[self.columns[title]] = text


def _number(row: _Row) -> str:
    """The number at the end of the identifier."""
    match = re.search(r"\d+\Z", row[IDENTIFIER].strip())
    return match[0] if match else ""


def _names(row: _Row) -> Iterator[Name]:
    """Everything that a student's row may be called by."""
    yield from ((ID, row[title]) for title in ID_COLUMNS)
    yield ID, _number(row)
    yield "before @", row["email address"].partition("@")[0]
    yield "name", row[FULL_NAME]


def _with_name(owner: Owner, grade: Grade, students: Mapping[int, _Row]) -> Owner:
    """The same owner, unless only the number of the identifier tells so and the name is another."""
    if owner.row is None:
        return owner
    row = students[owner.row]
    known = (grade.student or grade.submission).strip().casefold()
    if known in {row[title].strip().casefold() for title in ID_COLUMNS} or known != _number(row):
        return owner
    named = {_letters(row[FULL_NAME]), _letters(row[IDENTIFIER])} - {""}
    if _letters(grade.submission) in named or not row[FULL_NAME].strip():
        return owner
    whose = f"{one_line(row[IDENTIFIER], 80)} is called {one_line(row[FULL_NAME], 80)} in the worksheet"
    return Owner(owner.label, None, f"left out, {whose}")


def _letters(name: str) -> str:
    """The letters and digits of a name. Moodle leaves some other signs out of the names of folders."""
    return "".join(c for c in unicodedata.normalize("NFKD", name).casefold() if c.isalnum())


def _doubts(row: _Row, grade: Grade, earned: float) -> Iterator[str]:
    """What an instructor should know about points that are written."""
    maximum = _as_number(row[MAXIMUM])
    if maximum is not None and earned > maximum:
        yield f"{amount(earned)} points, but Moodle takes at most {amount(maximum)}"
    if row[CHANGEABLE].strip().casefold() == "no":
        yield "Moodle says that this grade cannot be changed, so it will ignore the points"
    if not grade.trusted:
        yield "graded without the complete sandbox"


def _feedback(grade: Grade) -> str:
    """A line for the student. Moodle reads it as HTML, so it has numbers and our own words alone."""
    points = "{} of {} points".format(*map(amount, total(grade)))
    return "; ".join([points, *(f"{days_of(mark)} late" for mark in grade.marks if mark.days_late)])


def _other_maximum(rows: Sequence[_Row], possible: float) -> Iterator[str]:
    maxima = {row[MAXIMUM].strip() for row in rows} - {""}
    if len(maxima) == 1 and _as_number(*maxima) != possible:
        yield f"Moodle has {maxima.pop()} possible points, but the koans have {amount(possible)}: nothing was scaled"


def _as_number(text: str) -> float | None:
    text = text.strip().replace(",", ".")
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None
