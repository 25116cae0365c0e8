"""What has changed since an earlier result of the same class: who passed which koans, and which mistakes are gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from grader.book.verdict import one_line
from grader.course.classroom import heads
from grader.course.grade import Class, Grade
from grader.course.lean import descriptions
from grader.course.students import same_students


class Change(msgspec.Struct, frozen=True):
    """How a student's result differs from the earlier one. `passed` and `lost` are koans, in the workbook's order.

    `lost` are koans that passed and do not pass now. `points` are points of koans, without any assignment's rules.
    `done`: every koan passes now.
    """

    passed: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    points: int = 0
    done: bool = False

    @property
    def moved(self) -> bool:
        return bool(self.passed or self.lost or self.points)


class Gone(msgspec.Struct, frozen=True):
    """A named wrong answer that only the earlier result has."""

    koan: str
    description: str
    count: int


class Changes(msgspec.Struct, frozen=True):
    """What differs between a class and its earlier result.

    `day` is when the earlier result was graded: a date in ISO 8601, or two. `students` has the change of each student
    in the order of the class, None for a student who has no earlier result. `left` counts the students who have only an
    earlier one. `mistakes` has how many submissions looked like each wrong answer before, by koan and name.
    """

    day: str
    students: tuple[Change | None, ...]
    left: int
    mistakes: dict[tuple[str, str], int]
    gone: tuple[Gone, ...]

    @property
    def still(self) -> list[int]:
        """The positions of the students for whom nothing has changed, without those who have passed everything."""
        return [i for i, one in enumerate(self.students) if one is not None and not one.moved and not one.done]


class _Result(NamedTuple):
    """A student's result: points, and the koans that passed. Bit i is koan i of all koans of the two results."""

    points: int
    passed: int
    koans: int


class _Mistakes(NamedTuple):
    counts: dict[tuple[str, str], int]
    descriptions: dict[tuple[str, str], str]


def compare(now: Class, before: Class) -> Changes:
    """What differs. Both classes are gone through once, one grade in memory at a time."""
    order: dict[str, int] = {}
    here, mistakes = _look(now, order)
    there, former = _look(before, order)
    koans = list(order)
    positions = same_students(heads(now.grades), heads(before.grades))
    changes = [
        None if i is None else _change(result, there[i], koans) for result, i in zip(here, positions, strict=True)
    ]
    days = sorted({one_line(grade.started[:10]) for grade in heads(before.grades)})
    gone = [Gone(key[0], former.descriptions[key], n) for key, n in former.counts.items() if key not in mistakes.counts]
    return Changes(
        day=" to ".join(dict.fromkeys([days[0], days[-1]])) if days else "",
        students=tuple(changes),
        left=len(there) - len({i for i in positions if i is not None}),
        mistakes=former.counts,
        gone=tuple(sorted(gone, key=lambda one: (-one.count, one.koan, one.description))),
    )


def in_a_line(changes: Changes) -> str:
    """The changes of a class in one line."""
    known = [one for one in changes.students if one is not None]
    moved = [one for one in known if one.passed]
    koans = sum(len(one.passed) for one in moved)
    lost = sum(len(one.lost) for one in known)
    still, new, left = len(changes.still), len(changes.students) - len(known), changes.left
    said = (
        (True, f"{len(moved)} of {_count(len(known), 'student')} passed {_count(koans, 'more koan')}"),
        (lost, f"{_count(lost, 'koan')} {'does' if lost == 1 else 'do'} not pass any more"),
        (still, f"nothing has changed for {_count(still, 'student')}"),
        (new, f"{_count(new, 'student')} had no result then"),
        (left, f"{_count(left, 'student')} had one and {'has' if left == 1 else 'have'} none now"),
    )
    return f"since {changes.day or 'the earlier result'}: {'; '.join(words for counts, words in said if counts)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _look(results: Class, order: dict[str, int]) -> tuple[list[_Result], _Mistakes]:
    """The result of each student, and the mistakes of all. Koans that are new to `order` are added."""
    found = []
    mistakes = _Mistakes({}, {})
    for grade in results.grades:
        found.append(_result(grade, order))
        for graded in grade.koans:
            for name, says in descriptions(graded.verdict).items():
                key = graded.verdict.koan, name
                mistakes.counts[key] = mistakes.counts.get(key, 0) + 1
                mistakes.descriptions.setdefault(key, says)
    return found, mistakes


def _result(grade: Grade, order: dict[str, int]) -> _Result:
    points = passed = koans = 0
    for graded in grade.koans:
        bit = 1 << order.setdefault(graded.verdict.koan, len(order))
        koans |= bit
        passed |= bit if graded.verdict.passed else 0
        points += graded.earned + graded.fast_earned
    return _Result(points, passed, koans)


def _change(now: _Result, before: _Result, koans: Sequence[str]) -> Change:
    def named(bits: int) -> tuple[str, ...]:
        return tuple(koan for i, koan in enumerate(koans) if bits >> i & 1)

    return Change(
        passed=named(now.passed & ~before.passed),
        lost=named(before.passed & ~now.passed),
        points=now.points - before.points,
        done=bool(now.koans) and now.passed == now.koans,
    )
