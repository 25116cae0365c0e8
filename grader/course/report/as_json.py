"""Writes files of results. `saved` says what a file holds. It has at most about 20 kB for each student.

The names of the workbook's koans and cards come on top of that, once for all students.

All that other reports show is in the file. Only where a student's texts have no room are they cut, the longest first:
the last line of a text that was cut says how many characters are missing.

A file of results goes to students too, so it tells a digest of the seed and never the seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from grader.book.verdict import looks_like
from grader.book.workbook import RUNGS
from grader.course.grade import Class, Grade, Graded
from grader.course.lean import descriptions, headline, races
from grader.course.mark import FAST, Mark
from grader.course.report.common import json_line, seed_digest
from grader.course.report.saved import (
    SAME,
    SCHEMA,
    KoanFacts,
    KoanRow,
    Machine,
    More,
    SavedLine,
    SavedMark,
    Student,
    Text,
    row,
    trimmed,
    with_headline,
)
from grader.course.report.texts import OMITTED, Kept, ellipsis, fit, fit_or_omit, shared, size, whole

ROOM = 20_000  # bytes of a file for each student
FOR_TEXTS = ROOM * 2 // 5  # of them for texts that several verdicts have


def classroom(results: Class) -> Iterator[str]:
    """The file, a line for each koan of each submission. The grades are gone through twice: the tables stand first."""
    tables = _Tables(results)
    yield tables.written
    comma = ""
    for grade in results.grades:
        yield f"{comma}\n{_student(grade, tables)}"
        comma = ","
    yield "\n]}\n"


class _Tables:
    """What the grades of a class have in common, with the position of each.

    `written` is the start of the file, up to the first grade. `room` is how many bytes that leaves for each grade. The
    names of koans and cards grow with the workbook and not with the class, so they take none of it.
    """

    def __init__(self, results: Class) -> None:
        self.koans: dict[KoanFacts, int] = {}
        self.cards: dict[str, int] = {}
        self.machines: dict[bytes, int] = {}
        self.seed_digest = seed_digest(results)
        students = max(1, len(results.grades))
        self.shared = shared(self._look(results), FOR_TEXTS * students)
        self.written = "".join(self._write(results))
        others = len(self.written.encode()) - len("".join(self._names()).encode())
        self.room = ROOM - 2 - others // students  # 2 for the comma and the end of its line

    def _names(self) -> Iterator[str]:
        yield from _table("koans", [_trimmed(koan) for koan in self.koans])
        yield f'"cards":{json_line(list(self.cards))},\n'

    def _write(self, results: Class) -> Iterator[str]:
        head = {"schema": SCHEMA, "name": results.name, "seed_digest": self.seed_digest}
        yield f'{json_line(head)[:-1]},"notes":{json_line([whole(note) for note in results.notes])},\n'
        yield f'"rungs":{json_line(list(RUNGS))},\n'
        yield from self._names()
        yield from _table("machines", [msgspec.json.decode(machine) for machine in self.machines])
        yield from _table("texts", self.shared.texts)
        yield '"grades":['

    def _look(self, results: Class) -> Iterator[str]:
        """Collect the tables, and yield the texts of all grades."""
        for grade in results.grades:
            self.machines.setdefault(_machine(grade), len(self.machines))
            for card in grade.cards:
                self.cards.setdefault(card, len(self.cards))
            for graded in grade.koans:
                self.koans.setdefault(_facts(graded), len(self.koans))
            told = _Told.of(grade)
            yield from told.meanings()
            yield from told.others()

    def refer(self, text: str) -> Text:
        """The position of the text, or the text itself if it is not in the table."""
        return self.shared.numbers.get(text, text)


def _facts(graded: Graded) -> KoanFacts:
    return KoanFacts(graded.verdict.koan, RUNGS.index(graded.rung), graded.points, graded.fast_points)


def _machine(grade: Grade) -> bytes:
    """What graded a submission, as something that can be a key."""
    machine = Machine(grade.isolation, grade.trusted, grade.device, grade.versions)
    return json_line(msgspec.to_builtins(machine)).encode()


def _trimmed(koan: KoanFacts) -> list[Any]:
    cells: list[Any] = msgspec.to_builtins(koan)
    return cells if koan.fast_points else cells[:-1]


def _table(name: str, items: Sequence[Any]) -> Iterator[str]:
    """A table of the file, a line for each item."""
    yield f'"{name}":['
    comma = ""
    for item in items:
        yield f"{comma}\n{json_line(item)}"
        comma = ","
    yield "],\n"


class _Verdict(NamedTuple):
    """The texts of a verdict as a file holds them. See `KoanRow` and `More`."""

    message: str
    names: Mapping[str, str]
    headline: str | None
    output: str
    notes: Sequence[str]
    answer: str


NO_TEXTS = _Verdict("", {}, None, "", (), "")  # most verdicts are passes that say nothing


class _Told(NamedTuple):
    """The texts of a grade."""

    notes: Sequence[str]
    verdicts: Sequence[_Verdict]

    @classmethod
    def of(cls, grade: Grade) -> _Told:
        notes = [whole(note) for note in grade.notes]
        return cls(notes, [_texts(graded) for graded in grade.koans])

    def meanings(self) -> Iterator[str]:
        """What the wrong answers mean that failures look like."""
        return (text for verdict in self.verdicts for text in verdict.names.values())

    def others(self) -> Iterator[str]:
        yield from self.notes
        for verdict in self.verdicts:
            yield from (verdict.message, verdict.headline or "", verdict.output, *verdict.notes)
        yield from (verdict.answer for verdict in self.verdicts)  # where there is no room, the last texts are left out


def _texts(graded: Graded) -> _Verdict:
    verdict, answer = graded.verdict, whole(graded.answer)
    if not (verdict.message or verdict.headline or verdict.output or verdict.notes or verdict.names or answer):
        return NO_TEXTS
    message, first = whole(verdict.message), whole(headline(verdict))
    names = {name: whole(says) for name, says in descriptions(verdict).items()}
    output, notes = whole(verdict.output), [whole(note) for note in verdict.notes]
    for rest in (message.removeprefix(looks_like(list(names.values()))).removeprefix("\n\n"), message):
        if with_headline(verdict.status, rest, names) == (message, first):
            return _Verdict(rest, names, None, output, notes, answer)
    return _Verdict(message, names, first, output, notes, answer)


def _student(grade: Grade, tables: _Tables) -> str:
    """The grade in JSON. Where there is no room for all texts, what wrong answers mean goes before what happened."""
    told = _Told.of(grade)
    meanings, others = (
        dict.fromkeys(text for text in texts if text and tables.refer(text) is text)
        for texts in (told.meanings(), told.others())
    )
    own = meanings | others
    if not own:
        return _written(grade, told, tables, tables.refer)
    frame = _written(grade, told, tables, lambda text: 0 if text in own else tables.refer(text))
    room = tables.room - len(frame.encode())
    fitted = fit(meanings, room - OMITTED * len(others), ellipsis)
    left = room - sum(map(size, fitted.values()))
    kept: dict[str, Kept] = {**fitted, **fit_or_omit((text for text in others if text not in meanings), left)}
    return _written(grade, told, tables, lambda text: kept.get(text, tables.refer(text)))


def _written(grade: Grade, told: _Told, tables: _Tables, write: Callable[[str], Text]) -> str:
    student = Student(
        **{name: getattr(grade, name) for name in SAME},
        machine=tables.machines[_machine(grade)],
        problem=whole(grade.problem),
        notes=tuple(map(write, told.notes)),
        seed_digest="" if seed_digest(grade) == tables.seed_digest else seed_digest(grade),
        cards=tuple(tables.cards[card] for card in grade.cards),
        marks=tuple(_mark(mark, grade, tables) for mark in grade.marks),
    )
    written = msgspec.to_builtins(student)
    for mark in written.get("marks", ()):
        mark["lines"] = [trimmed(line, False, "", False) for line in mark.get("lines", ())]
    fields = json_line(written)
    rows = [_row(graded, texts, tables, write) for graded, texts in zip(grade.koans, told.verdicts, strict=True)]
    lines = "".join(rows).removesuffix(",\n")
    return f'{fields[:-1]},"koans":[\n{lines}]}}' if rows else f'{fields[:-1]},"koans":[]}}'


def _mark(mark: Mark, grade: Grade, tables: _Tables) -> SavedMark:
    places = {graded.verdict.koan: tables.koans[_facts(graded)] for graded in grade.koans}
    lines = [
        SavedLine(
            places[koan], line.points, line.earned, line.extra, whole(line.comment), fast=line.koan.endswith(FAST)
        )
        for line in mark.lines
        if (koan := line.koan.removesuffix(FAST)) in places
    ]
    return SavedMark(
        mark.assignment,
        mark.earned,
        mark.points,
        tuple(lines),
        mark.handed_in,
        mark.due,
        mark.days_late,
        mark.deducted,
        tuple(map(whole, mark.notes)),
        mark.missing,
        mark.hand_ins,
    )


def _row(graded: Graded, texts: _Verdict, tables: _Tables, write: Callable[[str], Text]) -> str:
    verdict = graded.verdict
    more = More(
        output=write(texts.output),
        notes=tuple(map(write, texts.notes)),
        headline=None if texts.headline is None else write(texts.headline),
        fast=verdict.fast,
        fast_earned=graded.fast_earned,
        races=tuple(races(verdict)),
        uncompiled=verdict.uncompiled,
        by_machine=verdict.by_machine,
        tests=graded.tests,
        passed=graded.tests_passed,
        answer=write(texts.answer),
    )
    names = {name: write(says) for name, says in texts.names.items()}
    koan, message = tables.koans[_facts(graded)], write(texts.message)
    cells = KoanRow(koan, verdict.status, graded.earned, verdict.seconds, message, names, more)
    return f"{json_line(row(cells))},\n"
