"""Reads files of results: those that `as_json` writes, and those with all tests, which `full_json` writes.

Anybody may have written a file. So sizes have limits, and points must add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from grader.book.errors import KoansError, read_file
from grader.book.verdict import Verdict, one_line
from grader.book.workbook import Rung
from grader.course.classroom import Grades, Spool
from grader.course.grade import SCHEMA as FULL_SCHEMA
from grader.course.grade import Class, Grade, Graded
from grader.course.lean import lean, stand_in
from grader.course.mark import FAST, Line, Mark
from grader.course.report.common import left_out
from grader.course.report.saved import (
    SAME,
    SCHEMA,
    Document,
    KoanFacts,
    KoanRow,
    SavedMark,
    Student,
    Text,
    with_headline,
)
from grader.course.students import Found, combine

LARGEST = 256 << 20  # bytes of a file of results
LONGEST = 1e9  # seconds
MOST_TEXT = 2_000_000  # characters of all texts of one grade: a file may repeat a text many times
# How version 0.1.0 spelled rungs. Its files can still be read.
FORMER_RUNGS = {b'"vectorise it"': b'"vectorize it"', b'"stabilise it"': b'"stabilize it"'}


def read(file: Path, spool: Spool | None = None) -> Class:
    """The class in a file of results. One grade of schema 1 is a class without a name.

    The grades are put into the spool, one at a time. Raises KoansError.
    """
    spool = spool or Spool()
    data = read_file(file, LARGEST)
    try:
        number = msgspec.json.decode(data, type=_Numbered).schema
        if number not in READERS:
            known = " and ".join(map(str, READERS))
            raise KoansError(f"{file}: schema {number}; this version reads {known}")
        empty, grades = READERS[number](data)
        entries = []
        for grade in grades:
            if why := _nonsense(grade):
                raise KoansError(f"{file}: {one_line(grade.submission)} {why}")
            entries.append(spool.add(lean(grade)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, IndexError) as error:
        raise KoansError(f"{file}: is not a file that `koans grade --format json=…` wrote ({error})") from None
    return msgspec.structs.replace(empty, grades=Grades(entries))


def earlier(files: Sequence[Path]) -> Class | None:
    """The class in the files of an earlier result. None without a file. Raises KoansError."""
    if not files:
        return None
    spool = Spool()
    return combine("", [Found(str(file), read(file, spool)) for file in files])


def _nonsense(grade: Grade) -> str:
    """Why a grade cannot be one that was written. An empty string if it can."""
    if grade.schema != FULL_SCHEMA:
        return f"has schema {grade.schema}; this version reads {FULL_SCHEMA}"
    if grade.earned != sum(koan.earned for koan in grade.koans):
        return "has points that differ from the sum over its koans"
    if any(koan.earned > koan.points for koan in grade.koans) or grade.earned > grade.points:
        return "has more points than are possible"
    if any(not 0 <= seconds <= LONGEST for seconds in (grade.seconds, *(k.verdict.seconds for k in grade.koans))):
        return f"has a time that is not between 0 and {LONGEST:.0e} s"
    return ""


class _Numbered(msgspec.Struct):
    schema: int


class _FullClass(msgspec.Struct):
    """A class of schema 1, whose grades are decoded one at a time."""

    name: str
    seed: int
    grades: tuple[msgspec.Raw, ...]
    notes: tuple[str, ...] = ()
    seed_digest: str = ""


def _read_full(data: bytes) -> tuple[Class, Iterable[Grade]]:
    """The class without its grades, and these."""
    for former, rung in FORMER_RUNGS.items():
        if former in data:
            data = data.replace(former, rung)
    try:
        whole_class = msgspec.json.decode(data, type=_FullClass)
    except msgspec.ValidationError:
        grade = msgspec.json.decode(data, type=Grade)
        return Class("", grade.seed, (), seed_digest=grade.seed_digest), [grade]
    empty = Class(whole_class.name, 0, (), whole_class.notes, whole_class.seed_digest)
    return empty, (msgspec.json.decode(raw, type=Grade) for raw in whole_class.grades)


def _read_saved(data: bytes) -> tuple[Class, Iterable[Grade]]:
    document = msgspec.json.decode(data, type=Document[msgspec.Raw])
    empty = Class(document.name, 0, (), document.notes, document.seed_digest)
    students = (msgspec.json.decode(raw, type=Student) for raw in document.grades)
    return empty, (_grade(student, document) for student in students)


READERS = {FULL_SCHEMA: _read_full, SCHEMA: _read_saved}


def _grade(student: Student, document: Document[Any]) -> Grade:
    """Raises IndexError if the grade refers to what the document does not have."""
    left = MOST_TEXT

    def text(of: Text) -> str:
        nonlocal left
        found = of if isinstance(of, str) else document.texts[of] if of >= 0 else left_out(-of)
        left -= len(found)
        if left < 0:
            raise msgspec.ValidationError(f"{one_line(student.submission)} has more than {MOST_TEXT:,} characters")
        return found

    def graded(cells: KoanRow) -> Graded:
        koan = document.koans[cells.koan]
        return _graded(cells, koan, document.rungs[koan.rung], text)

    machine = document.machines[student.machine]
    return Grade(
        **{name: getattr(student, name) for name in SAME},
        seed=0,
        isolation=machine.isolation,
        trusted=machine.trusted,
        device=machine.device,
        versions=machine.versions,
        problem=student.problem,
        notes=tuple(map(text, student.notes)),
        seed_digest=student.seed_digest or document.seed_digest,
        cards=tuple(document.cards[card] for card in student.cards),
        koans=tuple(graded(cells) for cells in student.koans),
        marks=tuple(_mark(mark, document) for mark in student.marks),
    )


def _mark(mark: SavedMark, document: Document[Any]) -> Mark:
    lines = tuple(
        Line(
            document.koans[line.koan].koan + (FAST if line.fast else ""),
            line.points,
            line.earned,
            line.extra,
            line.comment,
        )
        for line in mark.lines
    )
    return Mark(
        mark.assignment,
        mark.earned,
        mark.points,
        lines,
        mark.handed_in,
        mark.due,
        mark.days_late,
        mark.deducted,
        mark.notes,
        mark.missing,
        mark.hand_ins,
    )


def _graded(cells: KoanRow, koan: KoanFacts, rung: Rung, text: Callable[[Text], str]) -> Graded:
    names = {name: text(says) for name, says in cells.names.items()}
    message, more = text(cells.message), cells.more
    if more.headline is None:
        message, first = with_headline(cells.status, message, names)
    else:
        first = text(more.headline)
    verdict = Verdict(
        koan=koan.koan,
        target="",
        status=cells.status,
        message=message,
        headline=first,
        tests=stand_in(cells.status, names, more.uncompiled, more.races),
        names=tuple(names),
        fast=more.fast,
        seconds=cells.seconds,
        output=text(more.output),
        by_machine=more.by_machine,
        notes=tuple(map(text, more.notes)),
    )
    points = (koan.points, cells.earned, verdict, rung, koan.fast_points, more.fast_earned)
    return Graded(*points, more.tests, more.passed, text(more.answer))
