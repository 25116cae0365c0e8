"""Computes when a card or a koan is due, by replaying its reviews through FSRS.

Only the log of reviews is stored. The schedule is derived from it, so a new version of FSRS or a new retention replays
the same log. Schedules are deterministic: FSRS's random fuzz is off.

A clock that was set back does no harm. If a review is dated before its predecessor, no time has passed between the two.
The next review counts from the latest earlier review that is not in its future, so a clock that ran ahead or behind for
a while costs one interval and not the card. An item whose last review is in the future is due now.
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
    """One rating of a card or a koan, from 1 (again) to 4 (easy).

    `at` is the time of the rating in seconds since 1970, UTC; `seconds` is how long the review took.
    """

    item: str
    rating: int
    at: float
    seconds: float = 0.0


class Memory(msgspec.Struct, frozen=True):
    """FSRS's memory state of an item. `due` and `last`, the time of the last review, are in seconds since 1970, UTC.

    `stability` is in days, `difficulty` from 1 to 10. `state` is 1 for learning, 2 for review, 3 for relearning; `step`
    is the index of the current short step in states 1 and 3.
    """

    due: float
    last: float
    stability: float
    difficulty: float
    state: int
    step: int | None

    def is_due(self, now: float) -> bool:
        """Whether the item is due at `now`. A last review in the future comes from a wrong clock, so it is due."""
        return self.due <= now or self.last > now


class Plan(msgspec.Struct, frozen=True):
    """The parameters of a schedule. `retention` is the share of items to be recalled when due, from 0 to 1.

    With `minutes`, a new item first comes back within minutes (cards); without, after days (koans).
    """

    retention: float = 0.9
    minutes: bool = True

    @property
    def key(self) -> str:
        """Identifies everything that determines a schedule, except the reviews."""
        import importlib.metadata  # slow to import, and only reviews need it

        return f"fsrs {importlib.metadata.version('fsrs')}, {self.retention}, {'minutes' if self.minutes else 'days'}"


def replay(reviews: Sequence[Review], plan: Plan) -> Memory:
    """The memory state after these reviews of one item, in the order of the log. Raises ValueError without reviews."""
    card = _card(reviews, plan)
    assert card.stability is not None and card.difficulty is not None
    return Memory(card.due.timestamp(), reviews[-1].at, card.stability, card.difficulty, int(card.state), card.step)


def choices(reviews: Sequence[Review], plan: Plan, at: float) -> dict[int, float]:
    """Seconds until the item would be due, for each rating that could be given at the time `at`."""
    return {rating: replay([*reviews, Review("", rating, at)], plan).due - at for rating in RATINGS}


def retrievability(reviews: Sequence[Review], plan: Plan, at: float) -> float:
    """The probability, from 0 to 1, that the item is recalled at the time `at`. Raises ValueError without reviews."""
    return float(_scheduler(plan).get_card_retrievability(_card(reviews, plan), _utc(at)))


def _card(reviews: Sequence[Review], plan: Plan) -> Card:
    """FSRS's card after these reviews."""
    from fsrs import Card, Rating

    if not reviews:
        raise ValueError("no reviews to replay")
    scheduler = _scheduler(plan)
    card = Card(card_id=0, due=_utc(0))
    latest = previous = 0.0
    for number, review in enumerate(reviews):
        if number:
            card.last_review = _utc(_counts_from(reviews[:number], review.at, previous, latest))
        card, _ = scheduler.review_card(card, Rating(review.rating), _utc(review.at))
        previous, latest = review.at, max(latest, review.at)
    return card


def _counts_from(before: Iterable[Review], at: float, previous: float, latest: float) -> float:
    """The time of review that a review at `at` counts from, whatever the clock did in between."""
    if at < previous:
        return at
    return latest if latest <= at else max(review.at for review in before if review.at <= at)


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


@cache
def _scheduler(plan: Plan) -> Scheduler:
    from fsrs import Scheduler

    if plan.minutes:
        return Scheduler(desired_retention=plan.retention, enable_fuzzing=False)
    return Scheduler(desired_retention=plan.retention, learning_steps=(), relearning_steps=(), enable_fuzzing=False)
