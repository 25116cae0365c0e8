"""What an instructor decides for single students: `extensions.csv` and `overrides.csv`, beside `assignment.toml`.

Each row says who decided and when. Rows are only added: for one student (and koan) the last row counts, and the file
keeps what was decided before.
"""

from __future__ import annotations

import csv
import getpass
import io
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from grader.book.errors import KoansError, read_file
from grader.book.files import write_file
from grader.course.assignment import Assignment, length, moment

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


def extensions(folder: Path, assignment: Assignment) -> Exceptions[Extension]:
    """The extensions of an assignment. Without a file there are none. Raises KoansError that names the line."""
    file = folder / EXTENSIONS
    found = []
    for line, cells in _rows(file):
        due, longer = moment(cells["due"], assignment, last=True), timedelta()
        if due is None:
            if not cells["due"].startswith("+"):
                raise KoansError(f"{file}:{line}: '{cells['due']}' is not a time; write 2026-11-20 23:59, or + 2 days")
            longer = length(cells["due"][1:], f"{file}:{line}")
        found.append(Extension(**_decided(cells), line=line, due=due, longer=longer))
    return Exceptions(file, tuple(found))


def overrides(folder: Path, koans: Mapping[str, object]) -> Exceptions[Override]:
    """The overrides of an assignment that has these koans, by id. Raises KoansError that names the line."""
    file = folder / OVERRIDES
    short: dict[str, list[str]] = {}
    for koan in koans:
        short.setdefault(koan.partition("/")[2], []).append(koan)
    found = []
    for line, cells in _rows(file):
        koan = cells["koan"]
        if koan and koan not in koans:
            if len(short.get(koan, ())) != 1:
                raise KoansError(f"{file}:{line}: '{koan}' is not a koan of the assignment")
            (koan,) = short[koan]
        if not POINTS.fullmatch(cells["points"]):
            raise KoansError(f"{file}:{line}: '{cells['points']}' is not a number of points, as in 2 or 1.5")
        found.append(Override(**_decided(cells), line=line, koan=koan, points=Fraction(cells["points"])))
    return Exceptions(file, tuple(found))


def add(file: Path, cells: Mapping[str, str]) -> None:
    """Add a row, with who decides and when. The columns `by` and `at` are filled in. Raises KoansError.

    What is in the file stays as it is.
    """
    columns = COLUMNS[file.name]
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    row = {**dict.fromkeys(columns, ""), "by": user(), "at": now, **cells}
    before = _text(file) if file.exists() else ",".join(columns) + "\n"
    header = next(csv.reader(io.StringIO(before, newline="")), [])
    if missing := set(columns) - set(header):
        raise KoansError(f"{file}: has no column called {sorted(missing)[0]}")
    out = io.StringIO(newline="")
    end = "\r\n" if before.partition("\n")[0].endswith("\r") else "\n"
    csv.writer(out, lineterminator=end).writerow([row.get(column, "") for column in header])
    gap = "" if before.endswith("\n") else end
    write_file(str(file), before + gap + out.getvalue())


def user() -> str:
    """Who gives this command: the name of the account."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def _decided(cells: Mapping[str, str]) -> dict[str, str]:
    return {name: cells[name] for name in ("student", "comment", "by", "at")}


def _text(file: Path) -> str:
    try:
        return read_file(file, LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise KoansError(f"{file}: is not UTF-8 text ({error.reason})") from None


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a file, each with the number of its last line. Cells have no space around them. Raises KoansError."""
    if not file.exists():
        return
    reader = csv.reader(io.StringIO(_text(file), newline=""), strict=True)
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
