"""The first time that a koan was solved: the time and help it took, and the rating that follows for its schedule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from grader.learn.cards.schedule import AGAIN, EASY, GOOD, HARD, Review

BREAK = 30 * 60.0  # seconds without activity from which a gap counts as a break, not as work
MANY = 8  # failed attempts: with more the koan was hard
FEW = 1  # failed attempts: with more the koan was not easy

ActivityKind = Literal["passed", "failed", "hint", "peek"]


class Activity(msgspec.Struct, frozen=True):
    """What a learner did at a koan: an attempt that passed or failed, a hint, or a peek at the solution.

    `at` is in seconds since 1970, UTC. `content` is the digest of an attempt's text.
    """

    koan: str
    at: float
    kind: ActivityKind
    content: str = ""


class FirstSolve(msgspec.Struct, frozen=True):
    """The first pass of a koan, and what came before it.

    `at` is in seconds since 1970, UTC. `seconds` is the time at work, without breaks. `failed` counts the different
    texts that failed. `content` is the digest of the text that passed. `timed`: the log shows when work at the koan
    began, because something else was done shortly before it. Otherwise `seconds` lacks the time to the first activity.
    """

    koan: str
    at: float
    seconds: float
    failed: int
    hints: int
    peeked: bool
    content: str
    timed: bool = False

    @property
    def rating(self) -> int:
        """The first pass, rated as a review.

        Again: after a peek at the solution. Hard: with two hints or more, or after many failed attempts. Easy: without
        a hint and with at most one failed attempt. Good: in all other cases.
        """
        if self.peeked:
            return AGAIN
        if self.hints >= 2 or self.failed > MANY:
            return HARD
        return EASY if not self.hints and self.failed <= FEW else GOOD

    @property
    def review(self) -> Review:
        """The first pass as the first review of the koan's schedule."""
        return Review(self.koan, self.rating, self.at, self.seconds)


def first_solves(activities: Iterable[Activity]) -> dict[str, FirstSolve]:
    """The first pass of each koan that has passed, by id, in the order in which they passed."""
    solves: dict[str, FirstSolve] = {}
    before: dict[str, list[Activity]] = {}
    seconds: dict[str, float] = {}
    timed: dict[str, bool] = {}
    last = float("-inf")
    for activity in sorted(activities, key=lambda a: a.at):
        koan = activity.koan
        gap = activity.at - last
        last = activity.at
        if koan in solves:
            continue
        earlier = before.setdefault(koan, [])
        timed.setdefault(koan, gap <= BREAK)
        # Work on this koan began with the activity before this one, at whichever koan that was.
        seconds[koan] = seconds.get(koan, 0.0) + (gap if gap <= BREAK else 0.0)
        if activity.kind == "passed":
            failed = len({a.content for a in earlier if a.kind == "failed"})
            hints = sum(a.kind == "hint" for a in earlier)
            peeked = any(a.kind == "peek" for a in earlier)
            passed = (koan, activity.at, seconds[koan], failed, hints, peeked, activity.content)
            solves[koan] = FirstSolve(*passed, timed=timed[koan])
        else:
            earlier.append(activity)
    return solves
