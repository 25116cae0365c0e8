"""A class whose grades are in a temporary file. Only the short fields of each grade stay in memory.

So a class of thousands can be sorted, joined with others and written as reports, with a grade in memory at a time.
"""

from __future__ import annotations

import re
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, overload

import msgspec

from grader.book.errors import writing
from grader.book.verdict import clean
from grader.course.grade import Class, Grade, Graded
from grader.course.lean import lean
from grader.course.mark import Mark

IN_MEMORY = 16 << 20  # bytes; a larger class goes to the disk
HALVES = re.compile("[\ud800-\udfff]")  # of characters; file names may hold them, and nothing can encode them


class Body(msgspec.Struct, frozen=True, array_like=True):
    """The long fields of a grade."""

    koans: tuple[Graded, ...]
    cards: tuple[str, ...]
    notes: tuple[str, ...]
    marks: tuple[Mark, ...] = ()


class Entry(NamedTuple):
    """A grade. `head` is the grade without its long fields, which `load` reads. Without `load` it has all of them."""

    head: Grade
    load: Callable[[], Body] | None = None

    def grade(self) -> Grade:
        if self.load is None:
            return self.head
        body = self.load()
        return msgspec.structs.replace(
            self.head, koans=body.koans, cards=body.cards, notes=body.notes, marks=body.marks
        )

    def renamed(self, id_: str) -> Entry:
        """The same grade with another id."""
        return self._replace(head=msgspec.structs.replace(self.head, id=id_))


class Grades(Sequence[Grade]):
    """Grades that are read each time when they are looked at. `entries` are what is in memory."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Grade]:
        return (entry.grade() for entry in self.entries)

    @overload
    def __getitem__(self, index: int) -> Grade: ...
    @overload
    def __getitem__(self, index: slice) -> Grades: ...
    def __getitem__(self, index: int | slice) -> Grade | Grades:
        return Grades(self.entries[index]) if isinstance(index, slice) else self.entries[index].grade()


def entries(grades: Sequence[Grade]) -> Sequence[Entry]:
    return grades.entries if isinstance(grades, Grades) else [Entry(grade) for grade in grades]


def heads(grades: Sequence[Grade]) -> list[Grade]:
    """The grades, of which only the short fields may be looked at: koans, cards and notes may be missing.

    Marks have their points, and may lack their lines and notes.
    """
    return [entry.head for entry in entries(grades)]


class Spool:
    """A temporary file of grades. It has no name, so no other program opens it and nothing is left of it."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - open as long as its grades are used
        self._versions: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}

    def add(self, grade: Grade) -> Entry:
        """Keep a grade. Raises KoansError if there is no room for it."""
        body = zlib.compress(_encoded(Body(grade.koans, grade.cards, grade.notes, grade.marks)), 1)
        with writing(f"a temporary file in {tempfile.gettempdir()}"):
            start = self._file.seek(0, 2)
            self._file.write(body)
        return Entry(self.head(grade), lambda: self._load(start, len(body)))

    def head(self, grade: Grade) -> Grade:
        """The short fields of the grade. Grades share the texts that they have in common."""
        return msgspec.structs.replace(
            grade,
            koans=(),
            cards=(),
            notes=(),
            marks=tuple(msgspec.structs.replace(mark, lines=(), notes=()) for mark in grade.marks),
            isolation=sys.intern(grade.isolation),
            device=sys.intern(grade.device),
            versions=self._versions.setdefault(tuple(grade.versions.items()), grade.versions),
        )

    def _load(self, start: int, size: int) -> Body:
        self._file.seek(start)
        return msgspec.msgpack.decode(zlib.decompress(self._file.read(size)), type=Body)


def _encoded(body: Body) -> bytes:
    try:
        return msgspec.msgpack.encode(body)
    except UnicodeEncodeError:
        return msgspec.msgpack.encode(encodable(msgspec.to_builtins(body)))


def encodable(data: Any) -> Any:
    """The data, in which half a character is replaced, because it has no bytes."""
    if isinstance(data, str):
        return HALVES.sub("�", data)
    if isinstance(data, dict):
        return {encodable(key): encodable(value) for key, value in data.items()}
    return [encodable(value) for value in data] if isinstance(data, list | tuple) else data


def classroom(
    name: str, seed: int, grades: Iterable[Grade], notes: Sequence[str] = (), *, details: bool = False
) -> Class:
    """The grades of a class, sorted by submission. Each is put aside as soon as it comes.

    With `details` the results of single tests are kept, which only the format json-full shows. Raises KoansError if the
    disk is full.
    """
    spool = Spool()
    return sorted_class(name, seed, [spool.add(grade if details else lean(grade)) for grade in grades], notes)


def sorted_class(name: str, seed: int, entries: Iterable[Entry], notes: Sequence[str] = ()) -> Class:
    by_name = sorted(entries, key=lambda entry: (entry.head.submission, entry.head.folder))
    return Class(clean(name), seed, Grades(by_name), tuple(notes))
