"""Computes when a card or a koan is due, by replaying its reviews through FSRS.

Only the log of reviews is stored. The schedule is derived from it, so a new version of FSRS or a new retention replays
the same log. Schedules are deterministic: FSRS's random fuzz is off.

A clock that was set back does no harm. If a review is dated before its predecessor, no time has passed between the two.
The next review counts from the latest earlier review that is not in its future, so a clock that ran ahead or behind for
a while costs one interval and not the card. An item whose last review is in the future is due now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import islice
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

    With `minutes`, a new item first comes back within minutes (cards); without, after days (koans). `parameters` are
    FSRS's, as `checked` wants them; empty for its defaults.
    """

    retention: float = 0.9
    minutes: bool = True
    parameters: tuple[float, ...] = ()

    @property
    def key(self) -> str:
        """Identifies everything that determines a schedule, except the reviews."""
        import importlib.metadata  # slow to import, and only reviews need it

        own = f", parameters {self.parameters}" if self.parameters else ""
        days = "minutes" if self.minutes else "days"
        return f"fsrs {importlib.metadata.version('fsrs')}, {self.retention}, {days}{own}"


class Prediction(msgspec.Struct, frozen=True):
    """A review, and the probability (0 to 1) that FSRS gave to its recall just before.

    `days` have passed since the item's last review. `number` counts the item's reviews from 1, and `lapses` are its
    earlier reviews rated again a day or more after the last one.
    """

    review: Review
    recall: float
    days: int
    number: int
    lapses: int


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
    return float(_scheduler(plan).get_card_retrievability(_card(reviews, plan), moment(at)))


def predictions(reviews: Sequence[Review], plan: Plan) -> list[Prediction]:
    """What FSRS predicts of each review of one item that came a day (24 hours) or more after the last one.

    FSRS is fitted and judged on these reviews only: on the same day hardly anything is forgotten. fsrs-optimizer leaves
    the others out, too (`delta_t != 0`, https://github.com/open-spaced-repetition/fsrs-optimizer).
    """
    scheduler = _scheduler(plan)
    found: list[Prediction] = []
    lapses = 0
    for number, (review, card) in enumerate(zip(reviews, _cards(reviews, plan), strict=False), 1):
        now = moment(review.at)
        days = (now - card.last_review).days if card.last_review else 0
        if days > 0:
            recall = float(scheduler.get_card_retrievability(card, now))
            found.append(Prediction(review, recall, days, number, lapses))
            lapses += review.rating == AGAIN
    return found


def checked(parameters: Sequence[float]) -> tuple[float, ...]:
    """FSRS's parameters. Raises ValueError if their number is wrong, or one is out of its bounds."""
    from fsrs.scheduler import LOWER_BOUNDS_PARAMETERS as LOW
    from fsrs.scheduler import UPPER_BOUNDS_PARAMETERS as HIGH

    if len(parameters) != len(LOW):
        raise ValueError(f"{len(LOW)} numbers are needed, not {len(parameters)}")
    for place, (low, number, high) in enumerate(zip(LOW, parameters, HIGH, strict=True), 1):
        if not low <= number <= high:
            raise ValueError(f"number {place} must be from {low:g} to {high:g}, but is {number:g}")
    return tuple(map(float, parameters))


def default_parameters() -> tuple[float, ...]:
    """FSRS's own parameters, fitted to the reviews of many people."""
    from fsrs.scheduler import DEFAULT_PARAMETERS

    return DEFAULT_PARAMETERS


def _card(reviews: Sequence[Review], plan: Plan) -> Card:
    """FSRS's card after these reviews."""
    if not reviews:
        raise ValueError("no reviews to replay")
    *_, card = _cards(reviews, plan)
    return card


def _cards(reviews: Sequence[Review], plan: Plan) -> Iterator[Card]:
    """FSRS's card before each of these reviews, with the time that the review counts from, and the card after all."""
    from fsrs import Card, Rating

    scheduler = _scheduler(plan)
    card = Card(card_id=0, due=moment(0))
    latest = previous = 0.0
    for number, review in enumerate(reviews):
        if number:
            card.last_review = moment(_counts_from(islice(reviews, number), review.at, previous, latest))
        yield card
        card, _ = scheduler.review_card(card, Rating(review.rating), moment(review.at))
        previous, latest = review.at, max(latest, review.at)
    yield card


def _counts_from(before: Iterable[Review], at: float, previous: float, latest: float) -> float:
    """The time of review that a review at `at` counts from, whatever the clock did in between."""
    if at < previous:
        return at
    return latest if latest <= at else max(review.at for review in before if review.at <= at)


def moment(at: float) -> datetime:
    """The time `at`, in seconds since 1970, UTC."""
    return datetime.fromtimestamp(at, UTC)


@cache
def _scheduler(plan: Plan) -> Scheduler:
    from fsrs import Scheduler

    parameters = plan.parameters or default_parameters()
    if plan.minutes:
        return Scheduler(parameters, desired_retention=plan.retention, enable_fuzzing=False)
    return Scheduler(parameters, plan.retention, learning_steps=(), relearning_steps=(), enable_fuzzing=False)
