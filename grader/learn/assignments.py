"""How far a learner is with the assignments of their edition, and how long they are open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from grader.book.errors import KoansError
from grader.book.published import Published, PublishedKoan
from grader.book.verdict import Status
from grader.learn.progress import Standing

State = Literal["not open yet", "open", "over"]


class AssignmentStanding(msgspec.Struct, frozen=True):
    """An assignment at some moment. `koans` are those that this workbook has, `passed` are their ids.

    `earned` are the points of passed koans, and `points` those that are possible, without extra credit.
    """

    assignment: Published
    state: State
    koans: tuple[PublishedKoan, ...]
    passed: tuple[str, ...]
    earned: float
    points: float


def standing(assignment: Published, standings: Mapping[str, Standing], now: datetime) -> AssignmentStanding:
    """The assignment at this moment, with the verdicts as they stand."""
    state: State = "open"
    if assignment.opens is not None and now < assignment.opens:
        state = "not open yet"
    elif assignment.due is not None and now > assignment.due:
        state = "over"
    koans = tuple(one for one in assignment.koans if one.koan in standings)
    passed = [one for one in koans if standings[one.koan].status == Status.passed]
    return AssignmentStanding(
        assignment,
        state,
        koans,
        tuple(one.koan for one in passed),
        sum(one.points for one in passed),
        sum(one.points for one in koans if not one.extra),
    )


def chosen(found: Sequence[Published], name: str) -> Published:
    """The assignment of this name or title. Raises KoansError with the names that there are."""
    for one in found:
        if name.casefold() in (one.name.casefold(), one.title.casefold()):
            return one
    names = ", ".join(one.name for one in found)
    raise KoansError(
        f"there is no assignment '{name}': " + (f"there are {names}" if names else "this workbook has none")
    )
