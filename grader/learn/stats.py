"""What a learner's logs add up to: passes by day, rungs by chapter, retention, time to solve, what is coming."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import pairwise

import msgspec

from grader.book.verdict import Status
from grader.book.workbook import RUNGS, Workbook
from grader.learn import deck
from grader.learn.cards.schedule import AGAIN, Review
from grader.learn.first_solve import solved
from grader.learn.progress import Progress
from grader.learn.settings import Settings

DAY = 86_400.0
AHEAD = 14  # days of forecast


class Day(msgspec.Struct, frozen=True):
    """A day of the learner's own calendar, as ISO 8601."""

    day: str
    count: int


class Rungs(msgspec.Struct, frozen=True):
    """Koans of a chapter that pass as they stand, and all there are, by rung."""

    chapter: str
    title: str
    passed: dict[str, int]
    koans: dict[str, int]


class Month(msgspec.Struct, frozen=True):
    """Reviews of cards last seen a day ago or more, and how many of these were remembered (not rated again)."""

    month: str
    reviews: int
    remembered: int


class Took(msgspec.Struct, frozen=True):
    """Minutes at work until a koan first passed, breaks left out, and minutes of the re-solves that passed since."""

    koan: str
    chapter: str
    rung: str
    minutes: float
    failed: int
    again: tuple[float, ...] = ()


class Stats(msgspec.Struct, frozen=True):
    """`wanted` is the retention that is set. `coming` counts cards and `later` those after it."""

    koans: int
    passed: int
    cards: int
    unlocked: int
    seen: int
    reviews: int
    wanted: float
    passes: tuple[Day, ...]
    reviewed: tuple[Day, ...]
    rungs: tuple[Rungs, ...]
    retention: tuple[Month, ...]
    solving: tuple[Took, ...]
    coming: tuple[Day, ...]
    later: int

    @property
    def remembered(self) -> tuple[int, int]:
        """Of all mature reviews: remembered, and how many there were."""
        return sum(m.remembered for m in self.retention), sum(m.reviews for m in self.retention)

    def by_rung(self) -> dict[str, float]:
        """The median of the minutes to solve, by rung, of those with any."""
        times = {r: [t.minutes for t in self.solving if t.rung == r and t.minutes] for r in RUNGS}
        return {rung: statistics.median(minutes) for rung, minutes in times.items() if minutes}


def gather(workbook: Workbook, progress: Progress, settings: Settings, now: float) -> Stats:
    """All of it, as of `now` (seconds since 1970, UTC)."""
    standings = progress.standings(workbook)
    firsts = {koan: one for koan, one in solved(progress.signs()).items() if koan in workbook.koans}
    memories = progress.recall.schedule("card", deck.card_plan(settings))
    dues = [memory.due for card, memory in memories.items() if card in workbook.cards]
    reviews = progress.recall.reviews("card")
    again = progress.recall.reviews("koan")
    coming = deck.forecast(dues, now, AHEAD)
    rungs = []
    for chapter in workbook.chapters:
        passed = Counter[str](k.rung for k in chapter.koans if standings[k.id].status == Status.passed)
        rungs.append(Rungs(chapter.id, chapter.title, passed, Counter[str](k.rung for k in chapter.koans)))
    solving = []
    for koan, one in firsts.items():
        minutes = tuple(round(r.seconds / 60, 1) for r in again.get(koan, ()) if r.rating != AGAIN)
        known = workbook.koans[koan]
        solving.append(Took(koan, known.chapter, known.rung, round(one.seconds / 60, 1), one.failed, minutes))
    return Stats(
        koans=len(workbook.koans),
        passed=sum(s.status == Status.passed for s in standings.values()),
        cards=len(workbook.cards),
        unlocked=len(progress.unlocked(workbook)),
        seen=sum(card in workbook.cards for card in reviews),
        reviews=sum(map(len, reviews.values())),
        wanted=settings.retention,
        passes=_days((one.at for one in firsts.values()), now),
        reviewed=_days((r.at for own in reviews.values() for r in own), now),
        rungs=tuple(rungs),
        retention=_months(reviews.values()),
        solving=tuple(solving),
        coming=tuple(Day(day.isoformat(), count) for day, count in coming),
        later=len(dues) - sum(count for _, count in coming),
    )


def _days(times: Iterable[float], now: float) -> tuple[Day, ...]:
    """A count for every day from the first to today, those without anything among them."""
    counts = Counter(min(deck.day_of(at), deck.day_of(now)) for at in times)
    if not counts:
        return ()
    first, today = min(counts), deck.day_of(now)
    days = (first + timedelta(n) for n in range((today - first).days + 1))
    return tuple(Day(day.isoformat(), counts[day]) for day in days)


def _months(histories: Iterable[Sequence[Review]]) -> tuple[Month, ...]:
    asked: Counter[str] = Counter()
    known: Counter[str] = Counter()
    for reviews in histories:
        for before, review in pairwise(reviews):
            if review.at - before.at >= DAY:
                month = f"{deck.day_of(review.at):%Y-%m}"
                asked[month] += 1
                known[month] += review.rating != AGAIN
    return tuple(Month(month, asked[month], known[month]) for month in sorted(asked))
