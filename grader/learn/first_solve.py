"""How a koan was solved the first time: what it took, and what that says of how soon it should come back."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from grader.learn.cards.schedule import AGAIN, EASY, GOOD, HARD, Review

BREAK = 30 * 60.0  # seconds without a sign of the learner that are no work
MANY = 8  # failed attempts from which a koan was hard
FEW = 1


class Sign(msgspec.Struct, frozen=True):
    """Something a learner did at a koan: an attempt ("passed" or "failed"), a "hint", a "peek" at the solution."""

    koan: str
    at: float
    what: str
    content: str = ""


class Solved(msgspec.Struct, frozen=True):
    """The first pass, and what came before it. `seconds` at work leaves breaks out; `content` is the text's digest."""

    koan: str
    at: float
    seconds: float
    failed: int
    hints: int
    peeked: bool
    content: str

    @property
    def rating(self) -> int:
        """As if the first pass had been a review. Again: after a peek at the solution. Hard: with two hints or more,
        or after many failed attempts. Easy: without a hint and with one failed attempt at most. Good: else.
        """
        if self.peeked:
            return AGAIN
        if self.hints >= 2 or self.failed > MANY:
            return HARD
        return EASY if not self.hints and self.failed <= FEW else GOOD

    @property
    def review(self) -> Review:
        return Review(self.koan, self.rating, self.at, self.seconds)


def solved(signs: Iterable[Sign]) -> dict[str, Solved]:
    """The first pass of every koan that has one, in the order in which they passed."""
    found: dict[str, Solved] = {}
    before: dict[str, list[Sign]] = {}
    seconds: dict[str, float] = {}
    last = float("-inf")
    for sign in sorted(signs, key=lambda s: s.at):
        gap = sign.at - last
        last = sign.at
        if sign.koan in found:
            continue
        own = before.setdefault(sign.koan, [])
        # What went before, at whichever koan, is when work on this one began.
        seconds[sign.koan] = seconds.get(sign.koan, 0.0) + (gap if gap <= BREAK else 0.0)
        if sign.what == "passed":
            failed = len({s.content for s in own if s.what == "failed"})
            hints = sum(s.what == "hint" for s in own)
            peeked = any(s.what == "peek" for s in own)
            took = seconds[sign.koan]
            found[sign.koan] = Solved(sign.koan, sign.at, took, failed, hints, peeked, sign.content)
        else:
            own.append(sign)
    return found
