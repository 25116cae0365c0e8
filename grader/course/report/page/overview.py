"""What the tables show of a class: small enough for memory, and collected by going through the grades once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import msgspec

from grader.book.verdict import Status
from grader.book.workbook import Rung
from grader.course.classroom import heads
from grader.course.grade import Class, Grade
from grader.course.mark import FAST, Mark
from grader.course.report.common import seed_digest, total
from grader.course.report.names import labels
from grader.course.since import Change, Changes

# The CSS classes of verdicts: passed, failed, error, not run here, not started.
Look = Literal["p", "f", "e", "h", "n"]

# The matrix shows a status by its symbol.
CLASSES: dict[Status, Look] = {
    Status.passed: "p",
    Status.failed: "f",
    Status.broken: "e",
    Status.timed_out: "e",
    Status.crashed: "e",
    Status.not_run_here: "h",
    Status.not_started: "n",
}
LOOKS: tuple[tuple[Look, str], ...] = (
    ("p", "passed"),
    ("f", "failed"),
    ("e", "broken, timed out or crashed"),
    ("h", "not run here"),
    ("n", "not started"),
)


class Cell(NamedTuple):
    """What a cell of the matrix shows of a koan."""

    status: Status
    fast: Status | None
    uncompiled: bool

    @property
    def passed(self) -> bool:
        return self.status == Status.passed


class Row(NamedTuple):
    """What the tables show of a grade. `head` is the grade without its koans. `koans` are ids, in order.

    `number` stands for the student while names are hidden. `change` is what differs from an earlier result. `marks`
    have the points for each assignment, without their lines.
    """

    label: str
    number: int
    head: Grade
    total: tuple[float, float]
    koans: tuple[str, ...]
    cells: tuple[Cell, ...]
    passed_on: Mapping[str, tuple[int, int]]  # koans passed, and all koans
    cards: int
    change: Change | None
    marks: tuple[Mark, ...]

    @property
    def furthest(self) -> int:
        """The position of the last koan that passed, in the workbook's order; -1 if none has passed."""
        return max((i for i, cell in enumerate(self.cells) if cell.passed), default=-1)


@dataclass
class Overview:
    """The rows of the tables, and what all rows add up to."""

    rows: list[Row] = field(default_factory=list)
    rungs: dict[str, Rung] = field(default_factory=dict)  # of each koan, in the order of the workbook
    looks: dict[str, Counter[Look]] = field(default_factory=dict)  # how many submissions, for each koan
    changes: Changes | None = None  # since an earlier result, if there is one
    assignments: dict[str, dict[str, None]] = field(default_factory=dict)  # the koans of each assignment, by title

    @property
    def chapters(self) -> dict[str, list[str]]:
        """The koans of each chapter."""
        found: dict[str, list[str]] = {}
        for koan in self.rungs:
            found.setdefault(chapter_of(koan), []).append(koan)
        return found


def chapter_of(koan: str) -> str:
    return koan.partition("/")[0]


def overview(classroom: Class, changes: Changes | None, order: Mapping[str, int]) -> Overview:
    """`order` has the place of each koan in the workbook. Koans that are not in it come last."""
    seen = Overview(changes=changes)
    cells: dict[Cell, Cell] = {}  # rows share what is equal: most grades have the same koans
    orders: dict[tuple[str, ...], tuple[str, ...]] = {}
    called = labels(classroom.grades)
    every = zip(
        called,
        numbers(classroom, called),
        heads(classroom.grades),
        changes.students if changes else [None] * len(called),
        classroom.grades,
        strict=True,
    )
    for label, number, head, change, grade in every:
        passed: dict[str, tuple[int, int]] = {}
        row = []
        in_order = sorted(grade.koans, key=lambda one: order.get(one.verdict.koan, len(order)))
        for graded in in_order:
            verdict = graded.verdict
            cell = Cell(verdict.status, verdict.fast, verdict.uncompiled)
            row.append(cells.setdefault(cell, cell))
            seen.rungs.setdefault(verdict.koan, graded.rung)
            seen.looks.setdefault(verdict.koan, Counter())[CLASSES[verdict.status]] += 1
            done, all_ = passed.get(graded.rung, (0, 0))
            passed[graded.rung] = done + verdict.passed, all_ + 1
        koans = tuple(graded.verdict.koan for graded in in_order)
        koans = orders.setdefault(koans, koans)
        marks = tuple(msgspec.structs.replace(mark, lines=()) for mark in grade.marks)
        for mark in grade.marks:
            own = seen.assignments.setdefault(mark.assignment, {})
            own.update(dict.fromkeys(line.koan.removesuffix(FAST) for line in mark.lines))
        seen.rows.append(
            Row(label, number, head, total(grade), koans, tuple(row), passed, len(grade.cards), change, marks),
        )
    seen.rungs = {koan: seen.rungs[koan] for koan in sorted(seen.rungs, key=lambda one: order.get(one, len(order)))}
    return seen


def numbers(classroom: Class, called: Sequence[str]) -> list[int]:
    """A number from 1 for each student, which tells nothing about the name.

    The order is random, but the same whenever the page of these grades is written. It is drawn from what only the file
    of results tells, such as the measured seconds, so a class list is not enough to find it out.
    """
    facts = [(grade.started, grade.seconds, grade.earned) for grade in heads(classroom.grades)]
    key = repr((seed_digest(classroom), facts)).encode("utf-8", "replace")
    drawn = [hashlib.blake2b(f"{i}".encode(), key=hashlib.sha256(key).digest()).digest() for i in range(len(called))]
    order = sorted(range(len(called)), key=lambda i: drawn[i])
    place = {i: number for number, i in enumerate(order, 1)}
    return [place[i] for i in range(len(called))]
