"""Compares a class: with each other, with the workbook's own answers, and with an earlier class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec
import numpy as np

from grader.book.stubs import stub_of
from grader.book.workbook import Koan, Workbook
from grader.course.intake.submission import Submission
from grader.course.similarity import evidence
from grader.course.similarity.answers import Given, Part, given, read
from grader.course.similarity.rarity import LEVELS, Chances, Level, in_class, weights, with_group, with_others
from grader.course.similarity.shipped import Shipped, shipped

PairKind = Literal["reference", "solution", "student", "earlier"]
# What is said of the other side of a pair that is no person.
GROUPS: dict[PairKind, str] = {
    "reference": "the workbook's oracles and right answers",
    "solution": "the workbook's solutions",
}


class Person(msgspec.Struct, frozen=True):
    """Somebody who handed in. `texts` are the compared texts by koan. `team` is equal for those who work together."""

    id: str
    name: str
    texts: dict[str, str]
    team: str = ""
    notes: tuple[str, ...] = ()


class Match(msgspec.Struct, frozen=True):
    """A function that both sides of a pair have.

    `others` of `writers` other students who answered are as close to the one or to the other, whichever is more. `bits`
    is what the match says alone. `text_of` names the answer of the workbook, if it is one. `shipped_too` tells that
    both also have an answer of the workbook, which may be the reason.
    """

    koan: str
    function: str
    level: Level
    others: int
    writers: int
    bits: float
    text_of: str = ""
    shipped_too: bool = False


class Pair(msgspec.Struct, frozen=True):
    """Two sides that are more alike than chance explains. `one` and `other` are numbers of people.

    `other` is None for the workbook's own answers. `compared` is how many functions both have. `expected` is how many
    such pairs are expected in a class like this in which everybody works alone.
    """

    kind: PairKind
    one: int
    other: int | None
    matches: tuple[Match, ...]
    compared: int
    bits: float
    expected: float


class Survey(msgspec.Struct, frozen=True):
    """What was compared and found. `pairs` begin with those who have the workbook's own answers.

    `functions` is how many functions of koans somebody answered, `answers` how many answers of the class there are.
    `needed` is the evidence from which on a pair is reported, in bits.
    """

    people: tuple[Person, ...]
    earlier: tuple[Person, ...]
    pairs: tuple[Pair, ...]
    koans: tuple[str, ...]
    functions: int
    answers: int
    comparisons: int
    needed: float
    notes: tuple[str, ...]


class _Reader:
    """Reads texts of koans, equal ones once."""

    def __init__(self, workbook: Workbook, koans: Sequence[Koan]) -> None:
        self.given = {koan.id: given(stub_of(workbook, koan)) for koan in koans}
        self._read: dict[tuple[str, str], tuple[str, dict[str, Part], str]] = {}

    def person(self, submission: Submission, name: str, team: str) -> tuple[Person, dict[tuple[str, str], Part]]:
        texts: dict[str, str] = {}
        parts: dict[tuple[str, str], Part] = {}
        problems: dict[str, list[str]] = {}
        for koan, koan_given in self.given.items():
            if koan not in submission.texts:
                continue
            text, own, problem = self._answer(koan, submission.texts[koan], koan_given)
            if problem:
                problems.setdefault(problem, []).append(koan)
            if own:
                texts[koan] = text
                parts |= {(koan, function): part for function, part in own.items()}
        notes = [f"not compared, because {_is(problem)}: {', '.join(ids)}" for problem, ids in problems.items()]
        if submission.problem:
            notes.append(submission.problem)
        return Person(submission.id, name, texts, team, tuple(notes)), parts

    def _answer(self, koan: str, text: str, koan_given: Given) -> tuple[str, dict[str, Part], str]:
        key = (koan, text)
        if key not in self._read:
            answer = read(text, koan_given)
            self._read[key] = text, dict(answer.parts), answer.problem
        return self._read[key]


def _is(problem: str) -> str:
    return f"the text is {problem}"


class Handed(msgspec.Struct, frozen=True):
    """A submission with the name that is shown, and its team."""

    submission: Submission
    name: str
    team: str = ""


def survey(
    workbook: Workbook,
    koans: Sequence[Koan],
    handed: Iterable[Handed],
    earlier: Iterable[Handed] = (),
    *,
    on_progress: Callable[[str], None] = lambda what: None,
    notes: Sequence[str] = (),
) -> Survey:
    """Compare the answers to these koans. Progress is told in words. Raises KoansError for a broken workbook.

    Hunts are left out: all answers have the same text but for a line.
    """
    koans = [koan for koan in koans if koan.kind != "hunt"]
    reader = _Reader(workbook, koans)
    people, answers = _people(reader, handed, on_progress)
    before, old_answers = _people(reader, earlier, on_progress)
    comparing = _Comparing(people, before)
    for koan in koans:
        on_progress(f"comparing {koan.id}")
        functions = [f for f in reader.given[koan.id].functions if any((koan.id, f) in a for a in answers)]
        own = shipped(workbook, koan, reader.given[koan.id]) if functions else []
        for function in functions:
            comparing.function(koan.id, function, answers, old_answers, [s for s in own if s.function == function])
    found = comparing.pairs()
    return Survey(
        people=tuple(people),
        earlier=tuple(before),
        pairs=tuple(found),
        koans=tuple(koan.id for koan in koans),
        functions=len(comparing.compared),
        answers=sum(len(parts) for parts in answers),
        comparisons=comparing.comparisons,
        needed=evidence.needed(comparing.comparisons),
        notes=tuple(notes),
    )


def _people(
    reader: _Reader, handed: Iterable[Handed], on_progress: Callable[[str], None]
) -> tuple[list[Person], list[dict[tuple[str, str], Part]]]:
    people, answers = [], []
    for i, one in enumerate(handed, 1):
        on_progress(f"reading {i}: {one.name}")
        person, parts = reader.person(one.submission, one.name, one.team)
        people.append(person)
        answers.append(parts)
    return people, answers


class _Side(msgspec.Struct, frozen=True):
    """The matches of one function with one kind of other sides: which people have the rows and columns."""

    chances: Chances
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    texts: tuple[Shipped, ...] = ()
    nearest: tuple[int, ...] = ()


class _Comparing:
    """Adds up evidence over the functions of all koans."""

    def __init__(self, people: Sequence[Person], earlier: Sequence[Person]) -> None:
        self.people, self.earlier = people, earlier
        sizes: dict[PairKind, int] = {"student": len(people), "earlier": len(earlier), "reference": 1, "solution": 1}
        self.shares = len(evidence.SHARES_COPIED)
        self.bits = {kind: np.zeros((self.shares, len(people), size)) for kind, size in sizes.items()}
        self.both = {kind: np.zeros((len(people), size), np.int64) for kind, size in sizes.items()}
        self.compared: list[tuple[str, str, dict[PairKind, _Side]]] = []

    def function(
        self,
        koan: str,
        function: str,
        answers: Sequence[dict[tuple[str, str], Part]],
        old_answers: Sequence[dict[tuple[str, str], Part]],
        own: Sequence[Shipped],
    ) -> None:
        """Add the matches of one function."""
        key = (koan, function)
        rows = tuple(i for i, parts in enumerate(answers) if key in parts)
        parts = [answers[i][key] for i in rows]
        weight = weights(parts)
        sides: dict[PairKind, _Side] = {}
        if len(rows) > 1:
            sides["student"] = _Side(in_class(parts, weight), rows, rows)
        old_rows = tuple(i for i, old in enumerate(old_answers) if key in old)
        if old_rows:
            old_parts = [old_answers[i][key] for i in old_rows]
            sides["earlier"] = _Side(with_others(parts, old_parts, weight), rows, old_rows)
        solutions = [one for one in own if one.kind == "solution"]
        expected = {one.part.form for one in solutions}  # what many write by themselves, also if it is a right answer
        references = [one for one in own if one.kind != "solution" and one.part.form not in expected]
        groups: tuple[tuple[PairKind, list[Shipped]], ...] = (("reference", references), ("solution", solutions))
        for kind, texts in groups:
            if texts:
                chances, nearest = with_group(
                    parts, [one.part for one in texts], weight, references=kind == "reference"
                )
                sides[kind] = _Side(chances, rows, (0,), tuple(texts), tuple(map(int, nearest)))
        for kind, side in sides.items():
            self.bits[kind][np.ix_(range(self.shares), side.rows, side.columns)] += evidence.factors(side.chances)
            self.both[kind][np.ix_(side.rows, side.columns)] += 1
        self.compared.append((koan, function, sides))

    @property
    def comparisons(self) -> int:
        n = len(self.people)
        return n * (n - 1) // 2 + n * len(self.earlier) + 2 * n

    def pairs(self) -> list[Pair]:
        """The pairs whose evidence reaches what so many comparisons need, in the order in which to look at them.

        Two students who both have the workbook's answers are alike because of that, so they are no pair.
        """
        needed = evidence.needed(self.comparisons)
        has = {kind: set(np.flatnonzero(evidence.total(self.bits[kind])[:, 0] >= needed)) for kind in GROUPS}
        found = []
        order: tuple[PairKind, ...] = ("reference", "solution", "student", "earlier")
        for kind in order:
            bits = evidence.total(self.bits[kind])
            of_kind = [
                self._pair(kind, int(row), int(column), float(bits[row, column]))
                for row, column in np.argwhere(bits >= needed)
                if kind != "student"
                or (
                    row < column
                    and not self._together(int(row), int(column))
                    and not any(row in people and column in people for people in has.values())
                )
            ]
            found += sorted(of_kind, key=lambda pair: -pair.bits)
        return found

    def _together(self, one: int, other: int) -> bool:
        return bool(self.people[one].team) and self.people[one].team == self.people[other].team

    def _pair(self, kind: PairKind, one: int, other: int, bits: float) -> Pair:
        matches = []
        for koan, function, sides in self.compared:
            side = sides.get(kind)
            if side is None or one not in side.rows or other not in side.columns:
                continue
            row, column = side.rows.index(one), side.columns.index(other)
            if not side.chances.level[row, column]:
                continue
            alone = side.chances.at(row, column)
            level = evidence.best_level(alone)
            matches.append(
                Match(
                    koan=koan,
                    function=function,
                    level=LEVELS[int(side.chances.level[row, column])],
                    others=int(alone.others[level - 1, 0, 0]),
                    writers=side.chances.writers - (2 if side.chances.within else 1),
                    bits=float(evidence.total(evidence.factors(alone))[0, 0]),
                    text_of=side.texts[side.nearest[row]].name if side.texts else "",
                    shipped_too=kind == "student" and self._shipped(sides, one) and self._shipped(sides, other),
                )
            )
        matches.sort(key=lambda match: -match.bits)
        whole = None if kind in GROUPS else other
        expected = evidence.expected(bits, self.comparisons)
        return Pair(kind, one, whole, tuple(matches), int(self.both[kind][one, other]), bits, expected)

    def _shipped(self, sides: dict[PairKind, _Side], person: int) -> bool:
        """Whether this person has an answer of the workbook, exactly."""
        for kind in GROUPS:
            side = sides.get(kind)
            if side is not None and side.chances.level[side.rows.index(person), 0] >= LEVELS.index("exactly"):
                return True
        return False


def other_side(found: Survey, pair: Pair) -> str:
    """What the other side of a pair is called."""
    if pair.other is None:
        return GROUPS[pair.kind]
    if pair.kind == "earlier":
        return f"{found.earlier[pair.other].name} (earlier class)"
    return found.people[pair.other].name


def unnamed(found: Survey) -> Survey:
    """The same without names and ids of people. Their texts stay as they are."""

    def hidden(people: Sequence[Person], word: str) -> tuple[Person, ...]:
        names = [f"{word} {i}" for i in range(1, len(people) + 1)]
        return tuple(msgspec.structs.replace(p, id="", name=n) for p, n in zip(people, names, strict=True))

    return msgspec.structs.replace(
        found, people=hidden(found.people, "student"), earlier=hidden(found.earlier, "earlier student")
    )
