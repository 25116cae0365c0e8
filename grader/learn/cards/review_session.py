"""A sitting of review: what is on the screen, and how a key changes it. No clock, no files, no terminal.

The history of each card goes in and out, and every interval is a replay of it, so the sitting and the log cannot
disagree. A card that comes back within minutes is shown again in the same sitting, ahead of its time if nothing else
is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from grader.learn.cards.schedule import AGAIN, RATINGS, Plan, Review, choices, replay

SOON = 20 * 60.0  # seconds ahead of its time that a card may be shown when nothing else is left


class ReviewEffect(msgspec.Struct, frozen=True):
    """What is to be written to the log: a review, or that the last one of this card is taken back."""

    verb: Literal["review", "take back"]
    review: Review


class ReviewSession(msgspec.Struct, frozen=True):
    """`card` is on the screen since `since` (None: there is nothing left); `waiting` are to come, `back` those seen in
    this sitting that come back in it, with their time. `done` are the ratings given, `histories` the log by card.
    """

    plan: Plan
    histories: Mapping[str, tuple[Review, ...]]
    waiting: tuple[str, ...]
    card: str | None = None
    since: float = 0.0
    revealed: bool = False
    back: Mapping[str, float] = {}
    done: tuple[Review, ...] = ()
    ended: bool = False

    @property
    def left(self) -> int:
        """Cards still to be seen, those that come back among them."""
        return len(self.waiting) + len(self.back) + (self.card is not None)

    def history(self, card: str) -> tuple[Review, ...]:
        return self.histories.get(card, ())

    def intervals(self, now: float) -> dict[int, float]:
        """Seconds until the card on the screen comes back, for each rating."""
        assert self.card is not None
        return choices(self.history(self.card), self.plan, now)


def begin(cards: Sequence[str], histories: Mapping[str, tuple[Review, ...]], plan: Plan, now: float) -> ReviewSession:
    return _next(ReviewSession(plan, dict(histories), tuple(cards)), now)


def step(sitting: ReviewSession, key: str, now: float) -> tuple[ReviewSession, ReviewEffect | None]:
    """What a key does: any reveals, 1 to 4 rate, u takes the last rating back, q or the end of input ends."""
    if key in ("q", ""):
        return msgspec.structs.replace(sitting, ended=True), None
    if key == "u":
        return _take_back(sitting, now)
    if sitting.card is None:
        return msgspec.structs.replace(sitting, ended=True), None
    if not sitting.revealed:
        return msgspec.structs.replace(sitting, revealed=True), None
    if key in map(str, RATINGS):
        return _rate(sitting, sitting.card, int(key), now)
    return sitting, None


def _rate(sitting: ReviewSession, card: str, rating: int, now: float) -> tuple[ReviewSession, ReviewEffect]:
    review = Review(card, rating, now, round(max(0.0, now - sitting.since), 1))
    history = (*sitting.history(card), review)
    due = replay(history, sitting.plan).due
    back = dict(sitting.back) | ({card: due} if due <= now + SOON else {})
    rated = msgspec.structs.replace(
        sitting, histories={**sitting.histories, card: history}, back=back, done=(*sitting.done, review), card=None
    )
    return _next(rated, now), ReviewEffect("review", review)


def _take_back(sitting: ReviewSession, now: float) -> tuple[ReviewSession, ReviewEffect | None]:
    if not sitting.done:
        return sitting, None
    last = sitting.done[-1]
    shown = (sitting.card,) if sitting.card is not None else ()
    return msgspec.structs.replace(
        sitting,
        histories={**sitting.histories, last.item: sitting.history(last.item)[:-1]},
        waiting=(*(c for c in shown if c != last.item), *sitting.waiting),
        card=last.item,
        since=now,
        revealed=False,
        back={card: due for card, due in sitting.back.items() if card != last.item},
        done=sitting.done[:-1],
    ), ReviewEffect("take back", last)


def _next(sitting: ReviewSession, now: float) -> ReviewSession:
    """Put the next card on the screen: one whose minutes are over, one that waits, one ahead of its time, none."""
    soonest = min(sitting.back, key=lambda card: sitting.back[card], default=None)
    if soonest is not None and (sitting.back[soonest] <= now or not sitting.waiting):
        back = {card: due for card, due in sitting.back.items() if card != soonest}
        return msgspec.structs.replace(sitting, card=soonest, back=back, since=now, revealed=False)
    card = sitting.waiting[0] if sitting.waiting else None
    return msgspec.structs.replace(sitting, card=card, waiting=sitting.waiting[1:], since=now, revealed=False)


class Summary(msgspec.Struct, frozen=True):
    """What came of a sitting."""

    reviews: int
    cards: int
    again: int
    seconds: float


def summary(sitting: ReviewSession) -> Summary:
    done = sitting.done
    again = sum(review.rating == AGAIN for review in done)
    return Summary(len(done), len({r.item for r in done}), again, sum(r.seconds for r in done))
