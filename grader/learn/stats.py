"""Statistics of a learner: passes by day, rungs by chapter, mistakes, retention, time to solve, and a forecast."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import pairwise

import msgspec

from grader.book.verdict import Status
from grader.book.workbook import RUNGS, Workbook
from grader.learn import due, mistakes
from grader.learn.cards.schedule import AGAIN, Review
from grader.learn.first_solve import first_solves
from grader.learn.mistakes import GeneralMistake, Mistake
from grader.learn.progress import Progress
from grader.learn.settings import Settings

DAY = 86_400.0
AHEAD = 14  # days of forecast


class Day(msgspec.Struct, frozen=True):
    """A count for one day in the learner's time zone. `day` is a date in ISO 8601."""

    day: str
    count: int


class Rungs(msgspec.Struct, frozen=True):
    """By rung, the number of koans of a chapter that pass as they are now, and the number of all its koans."""

    chapter: str
    title: str
    passed: dict[str, int]
    koans: dict[str, int]


class Month(msgspec.Struct, frozen=True):
    """One month: reviews of cards last seen a day ago or more, and how many of these were not rated again."""

    month: str
    reviews: int
    remembered: int


class SolveTimes(msgspec.Struct, frozen=True):
    """The time it took to solve a koan.

    `minutes` at work until the first pass, without breaks; `failed` attempts before it. `again`: the minutes of each
    re-solve that passed.
    """

    koan: str
    chapter: str
    rung: str
    minutes: float
    failed: int
    again: tuple[float, ...] = ()


class Stats(msgspec.Struct, frozen=True):
    """All statistics of a learner, as `koans stats --json` prints them.

    `seen` counts the cards that were reviewed, `wanted` is the retention in the settings. `passes` and `reviewed` count
    first passes and reviews by day. `coming` counts the cards due on each coming day, `later` those due after that.
    `mistakes` are the misconceptions that attempts showed, by koan; `general` are those that any koan can have, over
    all koans.
    """

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
    solving: tuple[SolveTimes, ...]
    coming: tuple[Day, ...]
    later: int
    mistakes: tuple[Mistake, ...] = ()
    general: tuple[GeneralMistake, ...] = ()

    @property
    def remembered(self) -> tuple[int, int]:
        """How many reviews of cards last seen a day ago or more were remembered, and how many there were."""
        return sum(m.remembered for m in self.retention), sum(m.reviews for m in self.retention)

    def by_rung(self) -> dict[str, float]:
        """The median of the minutes to solve, by rung. Koans without a time are left out."""
        times = {r: [t.minutes for t in self.solving if t.rung == r and t.minutes] for r in RUNGS}
        return {rung: statistics.median(minutes) for rung, minutes in times.items() if minutes}


def gather(workbook: Workbook, progress: Progress, settings: Settings, now: float) -> Stats:
    """The statistics at `now` (seconds since 1970, UTC)."""
    standings = progress.standings(workbook)
    firsts = {koan: first for koan, first in first_solves(progress.activities()).items() if koan in workbook.koans}
    memories = progress.recall.schedule("card", due.card_plan(settings))
    dues = [memory.due for card, memory in memories.items() if card in workbook.cards]
    reviews = progress.recall.reviews("card")
    re_solves = progress.recall.reviews("koan")
    coming = due.forecast(dues, now, AHEAD)
    occurrences = [one for one in progress.mistakes.occurrences() if one.koan in workbook.koans]
    made = mistakes.by_koan(occurrences, progress.mistakes.passes())
    rungs = []
    for chapter in workbook.chapters:
        passed = Counter[str](k.rung for k in chapter.koans if standings[k.id].status == Status.passed)
        rungs.append(Rungs(chapter.id, chapter.title, passed, Counter[str](k.rung for k in chapter.koans)))
    solving = []
    for name, first in firsts.items():
        minutes = tuple(round(r.seconds / 60, 1) for r in re_solves.get(name, ()) if r.rating != AGAIN)
        koan = workbook.koans[name]
        solving.append(SolveTimes(name, koan.chapter, koan.rung, round(first.seconds / 60, 1), first.failed, minutes))
    return Stats(
        koans=len(workbook.koans),
        passed=sum(s.status == Status.passed for s in standings.values()),
        cards=len(workbook.cards),
        unlocked=len(progress.unlocked(workbook)),
        seen=sum(card in workbook.cards for card in reviews),
        reviews=sum(map(len, reviews.values())),
        wanted=settings.retention,
        passes=_days((first.at for first in firsts.values()), now),
        reviewed=_days((review.at for history in reviews.values() for review in history), now),
        rungs=tuple(rungs),
        retention=_months(reviews.values()),
        solving=tuple(solving),
        coming=tuple(Day(day.isoformat(), count) for day, count in coming),
        later=len(dues) - sum(count for _, count in coming),
        mistakes=tuple(made),
        general=tuple(mistakes.general(made)),
    )


def _days(times: Iterable[float], now: float) -> tuple[Day, ...]:
    """A count for each day from the first to today, with the days on which nothing happened."""
    counts = Counter(min(due.day_of(at), due.day_of(now)) for at in times)
    if not counts:
        return ()
    first, today = min(counts), due.day_of(now)
    days = (first + timedelta(n) for n in range((today - first).days + 1))
    return tuple(Day(day.isoformat(), counts[day]) for day in days)


def _months(histories: Iterable[Sequence[Review]]) -> tuple[Month, ...]:
    """Retention by month, in order, from the reviews of each card."""
    reviewed: Counter[str] = Counter()
    remembered: Counter[str] = Counter()
    for reviews in histories:
        for before, review in pairwise(reviews):
            if review.at - before.at >= DAY:
                month = f"{due.day_of(review.at):%Y-%m}"
                reviewed[month] += 1
                remembered[month] += review.rating != AGAIN
    return tuple(Month(month, reviewed[month], remembered[month]) for month in sorted(reviewed))
