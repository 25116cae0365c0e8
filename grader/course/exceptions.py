"""What an instructor decides for single students: `extensions.csv` and `overrides.csv`, beside `assignment.toml`.

Each row says who decided and when. Rows are only added: for one student (and koan) the last row counts, and the file
keeps what was decided before.
"""

from __future__ import annotations

import csv
import getpass
import io
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from grader.book.errors import KoansError, read_file
from grader.course.assignment import Assignment, exists, length, moment

EXTENSIONS, OVERRIDES = "extensions.csv", "overrides.csv"
COLUMNS = {
    EXTENSIONS: ("student", "due", "comment", "by", "at"),
    OVERRIDES: ("student", "koan", "points", "comment", "by", "at"),
}
LARGEST = 16 << 20  # bytes
POINTS = re.compile(r"\d{1,6}(\.\d{1,2})?")


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """Who decided, when, and why. `line` is the line of the file."""

    student: str
    comment: str
    by: str
    at: str
    line: int

    @property
    def words(self) -> str:
        why = f": {self.comment}" if self.comment else ""
        return f"by {self.by} on {self.at}{why}"


class Extension(Decided, frozen=True, kw_only=True):
    """A student, or a group, has until `due`, or `longer` than the others."""

    due: datetime | None = None
    longer: timedelta = timedelta()

    def of(self, due: datetime | None) -> datetime | None:
        """When the work is due, if it is due at `due` for the others."""
        if self.due is not None:
            return self.due
        return None if due is None else due + self.longer


class Override(Decided, frozen=True, kw_only=True):
    """A student's points for a koan or, without a koan, for the whole assignment."""

    koan: str
    points: Fraction


D = TypeVar("D", bound=Decided)


class Exceptions(msgspec.Struct, Generic[D], frozen=True):
    """The rows of a file, in order."""

    file: Path
    rows: tuple[D, ...] = ()


def extensions(file: Path, text: str, assignment: Assignment) -> Exceptions[Extension]:
    """The extensions in the text of a file. Raises KoansError that names the line."""
    found = []
    for line, cells in _rows(file, text):
        due, longer = moment(cells["due"], assignment, last=True), timedelta()
        if due is None:
            if not cells["due"].startswith("+"):
                raise KoansError(f"{file}:{line}: '{cells['due']}' is not a time; write 2026-11-20 23:59, or +2 days")
            longer = length(cells["due"][1:], f"{file}:{line}")
        elif not exists(due):
            raise KoansError(f"{file}:{line}: {cells['due']} does not exist: clocks are put forward then")
        found.append(Extension(**_decided(cells), line=line, due=due, longer=longer))
    return Exceptions(file, tuple(found))


def overrides(file: Path, text: str, koans: Collection[str]) -> Exceptions[Override]:
    """The overrides in the text of a file, for an assignment with these koans. Raises KoansError that names the line.

    A koan may be given by its short name, if that is unique.
    """
    short: dict[str, list[str]] = {}
    for koan in koans:
        short.setdefault(koan.partition("/")[2], []).append(koan)
    found = []
    for line, cells in _rows(file, text):
        koan = cells["koan"]
        if koan and koan not in koans:
            if len(short.get(koan, ())) != 1:
                raise KoansError(f"{file}:{line}: '{koan}' is not a koan of the assignment")
            (koan,) = short[koan]
        if not POINTS.fullmatch(cells["points"]):
            raise KoansError(f"{file}:{line}: '{cells['points']}' is not a number of points, as in 2 or 1.5")
        found.append(Override(**_decided(cells), line=line, koan=koan, points=Fraction(cells["points"])))
    return Exceptions(file, tuple(found))


def text_of(file: Path) -> str:
    """The text of one of the files. It is empty if there is no file. Raises KoansError."""
    if not file.exists():
        return ""
    try:
        return read_file(file, LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise KoansError(f"{file}: is not UTF-8 text ({error.reason})") from None


def with_row(file: Path, text: str, cells: Mapping[str, str]) -> str:
    """The text of a file with one more row, and with who decides and when in its columns `by` and `at`.

    What is in the text stays as it is. Raises KoansError if a column is missing.
    """
    columns = COLUMNS[file.name]
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    row = {**dict.fromkeys(columns, ""), "by": user(), "at": now, **cells}
    text = text if text.strip() else ",".join(columns) + "\n"
    header = [cell.strip().casefold() for cell in next(csv.reader(io.StringIO(text, newline="")))]
    if missing := [name for name in columns if name not in header]:
        raise KoansError(f"{file}: has no column called {missing[0]}")
    end = "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end).writerow([" ".join(row.get(column, "").split()) for column in header])
    return text + ("" if text.endswith("\n") else end) + out.getvalue()


def user() -> str:
    """Who gives this command: the name of the account."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def _decided(cells: Mapping[str, str]) -> dict[str, str]:
    return {name: cells[name] for name in ("student", "comment", "by", "at")}


def _rows(file: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a file, each with the number of its last line. Cells have no space around them. Raises KoansError."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if not columns:
                columns = [cell.casefold() for cell in cells]
                if missing := [name for name in COLUMNS[file.name] if name not in columns]:
                    raise KoansError(f"{file}:{reader.line_num}: has no column called {missing[0]}")
                continue
            found = dict(zip(columns, [*cells, *[""] * (len(columns) - len(cells))], strict=False))
            for needed in ("student", "by", "at"):
                if not found[needed]:
                    raise KoansError(f"{file}:{reader.line_num}: the cell '{needed}' is empty")
            yield reader.line_num, found
    except csv.Error as error:
        raise KoansError(f"{file}:{reader.line_num}: cannot be read as CSV ({error})") from None
