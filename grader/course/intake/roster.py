"""Reads rosters: CSV files in which an instructor names the students, and where their work is.

The gradebook that Canvas exports and the grading worksheet of Moodle are rosters too, without paths.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from grader.book.errors import KoansError, read_file
from grader.course.intake.shown import shown

LARGEST = 16 << 20  # bytes
MOST_ROWS = 100_000
MOST_COLUMNS = 2000
MOST_NOTES = 20
LONGEST_TIME = 60  # characters
DELIMITERS = ",;\t"
PATHS = ("path", "folder", "repository", "repo", "file")
NAMES = ("name", "student", "student name", "full name", "learner", "submission")
FIRST_NAMES, LAST_NAMES = ("first name", "given name"), ("last name", "surname", "family name")
# The first of these columns that a roster has gives the student's id. The others help to find the student's work.
IDS = (
    "id",
    "student id",
    "sid",
    "identifier",
    "id number",
    "sis id",
    "sis user id",
    "login",
    "login id",
    "sis login id",
    "username",
    "user name",
    "email",
    "email address",
)
TIMES = (
    "handed in",
    "submitted",
    "handed in at",
    "submitted at",
    "submission time",
    "last modified (submission)",
    "time",
)
PROBLEMS = ("problem",)  # why nothing could be graded, as the plain gradebook and other tools say it
TIME_FORMATS = (
    "%A, %d %B %Y, %I:%M %p",  # Moodle: Friday, 20 November 2026, 10:11 PM
    "%A, %B %d, %Y, %I:%M %p",
    "%d %B %Y, %I:%M %p",
    "%Y-%m-%d %H:%M:%S %z",  # Gradescope
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y %H:%M",
)
# What the parts of such a format look like, roughly: strptime is slow to say no.
SHAPES = {
    "%A": r"[^\W\d]+",
    "%B": r"[^\W\d]+",
    "%Y": r"\d{4}",
    "%m": r"[01]?\d",
    "%d": r"[0-3]?\d",
    "%H": r"[0-2]?\d",
    "%I": r"[01]?\d",
    "%M": r"[0-5]?\d",
    "%S": r"[0-6]?\d",
    "%p": "[AaPp][Mm]",
    "%z": r"\S+",
    " ": r"\s+",
    ".": r"\.",
}
PREAMBLE = re.compile(r"points possible|manual posting|student, test\Z|test student\Z")  # rows that are no students


class RosterRow(msgspec.Struct, frozen=True):
    """A student. `id` is what the roster calls them, `others` are their further ids, such as a login or an address.

    `path` is None for a student whose row names no work, or a path that cannot be one: then `problem` says why. A row
    may also tell itself why its work cannot be graded.
    `handed_in` is in ISO 8601, or empty if it is not known.
    """

    name: str
    id: str
    path: Path | None
    handed_in: str
    line: int
    others: tuple[str, ...] = ()
    problem: str = ""


class Roster(msgspec.Struct, frozen=True):
    """The rows of a roster, in order. `has_paths` tells whether it has a column for paths."""

    rows: tuple[RosterRow, ...]
    has_paths: bool
    notes: tuple[str, ...] = ()


class Named(Protocol):
    """A submission or a grade: what a roster's row is matched with. Times and paths do not matter."""

    @property
    def name(self) -> str: ...
    @property
    def student(self) -> str: ...


Work = TypeVar("Work", bound=Named)


def read(file: Path) -> Roster:
    """Read a roster. Its paths are relative to its folder. Raises KoansError that names the file and the line."""
    return parse(read_file(file, LARGEST), file)


def parse(data: bytes, file: Path) -> Roster:
    """The roster with these bytes. `file` is for messages and relative paths. Raises KoansError."""
    text, notes = _decode(data, file)
    lines = _lines(text, file)
    header_line, header = next(lines, (1, []))
    columns = _columns(header)
    path, ids, time = _first(columns, PATHS), [columns[c] for c in IDS if c in columns], _first(columns, TIMES)
    told = _first(columns, PROBLEMS)
    names = [columns[c] for c in NAMES if c in columns][:1] or [
        columns[c] for group in (FIRST_NAMES, LAST_NAMES) for c in group if c in columns
    ]
    if path is None and not names and not ids:
        raise KoansError(
            f"{file}:{header_line}: a roster needs a column called {' or '.join(PATHS)}, or a column called "
            f"{NAMES[0]}, {NAMES[1]} or {IDS[0]}"
        )
    rows: list[RosterRow] = []
    for line, cells in lines:
        if len(rows) == MOST_ROWS:
            raise KoansError(f"{file}:{line}: a roster has at most {MOST_ROWS:,} rows")
        cells = [*cells, *[""] * (len(header) - len(cells))]
        if any(cell for cell in cells[len(header) :]):
            notes.append(f"{file}:{line}: the row has more cells than the first row; they are ignored")
        row = _row(line, cells, path, names, ids, time, told, file, notes)
        if row is not None:
            rows.append(row)
    notes += _repeated(rows, file)
    if len(notes) > MOST_NOTES:
        notes[MOST_NOTES:] = [f"{file}: and {len(notes) - MOST_NOTES} more lines like these"]
    return Roster(tuple(rows), path is not None, tuple(notes))


def match(rows: Sequence[RosterRow], works: Sequence[Work]) -> list[tuple[RosterRow, Work | None]]:
    """Each row with the work of its student, if there is one.

    Ids decide. What is then left is matched by name, if only one row and one work have it. "Lovelace, Ada",
    "Ada Lovelace" and Canvas's "lovelaceada" are the same name.
    """
    found = _pairs([_row_ids(row) for row in rows], [{_plain(w.student)} - {""} for w in works], {}, set())
    taken = set(found.values())
    found |= _pairs([_names(row.name) for row in rows], [_names(w.name) for w in works], found, taken)
    return [(row, works[found[i]] if i in found else None) for i, row in enumerate(rows)]


def missing(rows: Sequence[RosterRow], works: Sequence[Named]) -> list[RosterRow]:
    """The rows of the students who have no work among these. A student with several works is not missing."""
    ids = {_plain(work.student) for work in works}
    names = {name for work in works for name in _names(work.name)}
    of_rows = Counter(name for row in rows for name in _names(row.name))
    known = {name for name in names if of_rows[name] == 1}
    return [
        row
        for row, work in match(rows, works)
        if work is None and not _row_ids(row) & ids and not (known and _names(row.name) & known)
    ]


def _decode(data: bytes, file: Path) -> tuple[str, list[str]]:
    """The text, and a note if its encoding had to be guessed. Raises KoansError."""
    encoding = "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in data[:2]:
        encoding = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    try:
        return data.decode(encoding), []
    except UnicodeDecodeError as error:
        if encoding != "utf-8-sig" or b"\0" in data:
            raise KoansError(f"{file}: is not text ({error.reason})") from None
    return data.decode("cp1252", errors="replace"), [
        f"{file} is not UTF-8 and was read as Windows-1252: check the names in it"
    ]


def _lines(text: str, file: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the number of its first line. Cells have no space around them."""
    first, _, rest = text.partition("\n")
    skipped = 0
    if told := re.fullmatch(r"sep=(.)\s*", first):  # Excel reads and writes such a line
        delimiter, text, skipped = told[1], rest, 1
        if delimiter not in DELIMITERS:
            raise KoansError(f"{file}:1: a roster's cells are separated by commas, semicolons or tabs")
    else:
        start = re.sub(r'"[^"]*"', "", text.lstrip().partition("\n")[0])
        delimiter = max(DELIMITERS, key=start.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1 + skipped
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise KoansError(f"{file}:{line}: cannot be read as CSV ({shown(str(error))})") from None
        if len(cells) > MOST_COLUMNS and any(cells[MOST_COLUMNS:]):
            raise KoansError(f"{file}:{line}: a roster has at most {MOST_COLUMNS:,} columns")
        if any(cells):
            yield line, cells[:MOST_COLUMNS]


def _columns(header: Sequence[str]) -> dict[str, int]:
    """The number of each column, by its name in lower case. If two have one name, the first counts."""
    names = [" ".join(re.split(r"[\s_-]+", cell.casefold())).strip() for cell in header]
    return {name: i for i, name in reversed(list(enumerate(names))) if name}


def _first(columns: Mapping[str, int], names: Sequence[str]) -> int | None:
    return next((columns[name] for name in names if name in columns), None)


def _row(
    line: int,
    cells: Sequence[str],
    path: int | None,
    names: Sequence[int],
    ids: Sequence[int],
    time: int | None,
    told: int | None,
    file: Path,
    notes: list[str],
) -> RosterRow | None:
    """The student of one row, or None if it is about none."""
    place = cells[path] if path is not None else ""
    problem = shown(cells[told]) if told is not None else ""
    if "\0" in place:
        problem = f"line {line} of {file.name}: the path has a null character"
    own = list(dict.fromkeys(cells[i].removeprefix("Participant ") for i in ids if cells[i]))
    name = " ".join(cells[i] for i in names if cells[i]) or (own[0] if own else "") or Path(place).name
    if not name or (not place and PREAMBLE.match(name.casefold())):
        if not PREAMBLE.match(name.casefold()):
            notes.append(f"{file}:{line}: the row names no student and no path; it is ignored")
        return None
    handed_in = _time(cells[time]) if time is not None else ""
    if time is not None and not handed_in and cells[time] not in ("", "-"):
        notes.append(
            f"{file}:{line}: '{shown(cells[time])}' is not a time that koans can read; write it as in 2026-11-20 10:11"
        )
    where = (file.parent / place).absolute() if place and not problem else None
    if path is not None and not place and not problem:
        notes.append(f"{file}:{line}: {shown(name)} has no path, so nothing was handed in")
    return RosterRow(name, own[0] if own else "", where, handed_in, line, tuple(own[1:]), problem)


@lru_cache(maxsize=1024)
def _time(text: str) -> str:
    """A time in ISO 8601, or an empty string if it is not understood. Numbers in the order of one country are not."""
    if len(text) > LONGEST_TIME:
        return ""
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        pass
    for form in TIME_FORMATS:
        if not _shape(form).fullmatch(text):
            continue
        try:
            return datetime.strptime(text, form).isoformat()
        except ValueError:
            continue
    return ""


@cache
def _shape(form: str) -> re.Pattern[str]:
    """What every text looks like that fits the format, and few others do."""
    return re.compile(re.sub(r"%\w|[ .]", lambda part: SHAPES[part[0]], form))


def _repeated(rows: Sequence[RosterRow], file: Path) -> Iterator[str]:
    """Lines about ids, names and paths that several rows have."""
    for what, key in (("id", _id_of), ("name", _name_of), ("path", _path_of)):
        lines: dict[str, int] = {}
        for row in rows:
            value = key(row)
            if value in lines:
                yield f"{file}:{row.line}: line {lines[value]} has the same {what} ({shown(value)})"
            elif value:
                lines[value] = row.line


def _id_of(row: RosterRow) -> str:
    return row.id


def _name_of(row: RosterRow) -> str:
    return "" if row.name == row.id else row.name


def _path_of(row: RosterRow) -> str:
    return str(row.path or "")


def _row_ids(row: RosterRow) -> set[str]:
    return {_plain(one) for one in (row.id, *row.others)} - {""}


def _plain(text: str) -> str:
    """Letters and digits in lower case."""
    return re.sub(r"[\W_]+", "", text.casefold())


def _names(name: str) -> set[str]:
    """The ways to write a name without spaces: the last name may come first, with a comma or without."""
    words = [_plain(word) for word in name.split()]
    last, comma, first = name.partition(",")
    ways = {"".join(words), "".join([*words[-1:], *words[:-1]])}
    return (ways | ({_plain(first + last)} if comma else set())) - {""}


def _pairs(
    rows: Sequence[set[str]], works: Sequence[set[str]], done: Mapping[int, int], taken: set[int]
) -> dict[int, int]:
    """The number of the work for each row that has a key which no other row and no other work has."""
    of_rows = Counter(key for i, keys in enumerate(rows) if i not in done for key in keys)
    of_works = Counter(key for j, keys in enumerate(works) if j not in taken for key in keys)
    by_key = {key: j for j, keys in enumerate(works) if j not in taken for key in keys if of_works[key] == 1}
    found: dict[int, int] = {}
    used: set[int] = set()
    for i, keys in enumerate(rows):
        hits = {by_key[key] for key in keys if i not in done and of_rows[key] == 1 and key in by_key} - used
        if len(hits) == 1:
            found[i] = hits.pop()
            used.add(found[i])
    return found
