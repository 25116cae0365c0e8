"""Simulated learners, whose memory follows FSRS with known parameters.

A learner opens the cards that are due by the default schedule, each day, and some new ones. Whether a card is recalled
is drawn with the probability that the learner's own parameters give. The learner's memory and the schedule are two
cards of FSRS, so nothing of the workbook's replay is used here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime

from fsrs import Card, Rating, Scheduler
from fsrs.scheduler import DEFAULT_PARAMETERS as DEFAULT

from grader.learn.cards.schedule import Review

START, DAY = 1.76e9, 86_400.0
NEW = 6  # cards a day
SAME_DAY = 0.9  # the probability to recall a card that was seen on the same day


def changed(changes: Mapping[int, float]) -> tuple[float, ...]:
    """FSRS's default parameters, with those at these places multiplied."""
    return tuple(value * changes.get(place, 1.0) for place, value in enumerate(DEFAULT))


# By name: the parameters. The first four are the days of stability after a first rating, number 8 is the growth of
# stability at a recall, number 11 the stability after a lapse, number 20 the steepness of the curve of forgetting.
LEARNERS = {
    "as the defaults": DEFAULT,
    "forgets fast": changed({0: 0.3, 1: 0.3, 2: 0.3, 3: 0.3, 8: 0.6}),
    "forgets slowly": changed({0: 5, 1: 5, 2: 5, 3: 5, 8: 1.2}),
    "loses much at a lapse": changed({11: 0.2, 2: 0.6, 8: 0.8}),
    "a steep curve": changed({20: 3.5}),
}


def reviews_of(parameters: tuple[float, ...], count: int, seed: int) -> dict[str, tuple[Review, ...]]:
    """The reviews of a learner by card, until `count` of them came a day or more after the card's last one."""
    rng = random.Random(seed)
    schedule, memory = Scheduler(enable_fuzzing=False), Scheduler(parameters, enable_fuzzing=False)
    cards: dict[str, tuple[Card, Card]] = {}
    log: dict[str, list[Review]] = {}
    day = counted = 0
    while True:
        now = START + day * DAY + rng.uniform(0, 3 * 3600)
        for _ in range(NEW):
            cards[f"card-{len(cards):04}"] = (Card(card_id=0, due=_time(now)), Card(card_id=0))
        for _ in range(4):  # a session, and what comes back within minutes
            for name, (planned, own) in cards.items():
                if planned.due > _time(now):
                    continue
                days = (_time(now) - own.last_review).days if own.last_review else 0
                rating = _rating(rng, memory.get_card_retrievability(own, _time(now)) if days else SAME_DAY)
                log.setdefault(name, []).append(Review(name, rating, now, 8.0))
                planned, _ = schedule.review_card(planned, Rating(rating), _time(now))
                own, _ = memory.review_card(own, Rating(rating), _time(now))
                cards[name] = (planned, own)
                counted += days > 0
                if counted == count:
                    return {card: tuple(reviews) for card, reviews in log.items()}
                now += 8
            now += 600
        day += 1


def _rating(rng: random.Random, recall: float) -> int:
    return 1 if rng.random() > recall else rng.choices((2, 3, 4), (1, 7, 1))[0]


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
