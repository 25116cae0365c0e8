"""When a card or a koan comes back: its reviews, replayed through FSRS.

The log is the truth and this is derived from it, so another version of FSRS, or another retention, replays the same
log. Nothing is drawn at random (FSRS's fuzz is off).

A clock that was set back does no harm. A review dated before the one it follows counts as made at the same moment: no
time has passed. The next one counts from the latest earlier review that is not in its future, so a clock that ran
ahead or behind for a while costs one interval and not the card; and what was last seen "in the future" is due now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from fsrs import Card, Scheduler

AGAIN, HARD, GOOD, EASY = 1, 2, 3, 4
RATINGS = {AGAIN: "again", HARD: "hard", GOOD: "good", EASY: "easy"}


class Review(msgspec.Struct, frozen=True):
    """One rating, 1 (again) to 4 (easy), of a card or a koan. `at` is seconds since 1970, UTC; `seconds` it took."""

    item: str
    rating: int
    at: float
    seconds: float = 0.0


class Memory(msgspec.Struct, frozen=True):
    """What FSRS knows of an item. Times in seconds since 1970, UTC; `stability` in days, `difficulty` from 1 to 10.

    `state` is 1 learning, 2 review, 3 relearning; `step` the place in the minutes-long steps of 1 and 3.
    """

    due: float
    last: float
    stability: float
    difficulty: float
    state: int
    step: int | None

    def is_due(self, now: float) -> bool:
        return self.due <= now or self.last > now


class Plan(msgspec.Struct, frozen=True):
    """How items come back: the share to be remembered when due, and whether a first look is followed by steps of
    minutes (cards) or of days only (koans).
    """

    retention: float = 0.9
    minutes: bool = True

    @property
    def key(self) -> str:
        """Names everything but the reviews that a schedule rests on."""
        import importlib.metadata  # takes longer than the rest of this module, and only reviews need it

        return f"fsrs {importlib.metadata.version('fsrs')}, {self.retention}, {'minutes' if self.minutes else 'days'}"


def replay(reviews: Sequence[Review], plan: Plan) -> Memory:
    """What is known after these reviews of one item, in the order of the log. Raises ValueError if there is none."""
    card = _card(reviews, plan)
    assert card.stability is not None and card.difficulty is not None
    return Memory(card.due.timestamp(), reviews[-1].at, card.stability, card.difficulty, int(card.state), card.step)


def choices(reviews: Sequence[Review], plan: Plan, at: float) -> dict[int, float]:
    """Seconds until the item would be due again, for each rating given at `at`."""
    return {rating: replay([*reviews, Review("", rating, at)], plan).due - at for rating in RATINGS}


def retrievability(reviews: Sequence[Review], plan: Plan, at: float) -> float:
    """The probability that the item is recalled at `at`."""
    return float(_scheduler(plan).get_card_retrievability(_card(reviews, plan), _utc(at)))


def _card(reviews: Sequence[Review], plan: Plan) -> Card:
    from fsrs import Card, Rating

    if not reviews:
        raise ValueError("no reviews to replay")
    scheduler = _scheduler(plan)
    card = Card(card_id=0, due=_utc(0))
    top = previous = 0.0
    for number, review in enumerate(reviews):
        if number:
            card.last_review = _utc(_since(reviews[:number], review.at, previous, top))
        card, _ = scheduler.review_card(card, Rating(review.rating), _utc(review.at))
        previous, top = review.at, max(top, review.at)
    return card


def _since(before: Iterable[Review], at: float, previous: float, top: float) -> float:
    """From when the time that has passed counts."""
    if at < previous:
        return at
    return top if top <= at else max(review.at for review in before if review.at <= at)


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


@cache
def _scheduler(plan: Plan) -> Scheduler:
    from fsrs import Scheduler

    if plan.minutes:
        return Scheduler(desired_retention=plan.retention, enable_fuzzing=False)
    return Scheduler(desired_retention=plan.retention, learning_steps=(), relearning_steps=(), enable_fuzzing=False)
