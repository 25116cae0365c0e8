"""Tracks: which one the learner walks, how far they are on each, and how long the rest takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from grader.book.errors import KoansError
from grader.book.verdict import Status
from grader.book.workbook import WHOLE, Koan, Track, Workbook
from grader.learn import pace, settings
from grader.learn.first_solve import first_solves
from grader.learn.pace import Pace
from grader.learn.progress import Progress, Standing


class Active(msgspec.Struct, frozen=True):
    """The track that the learner walks; None is the whole workbook. `trouble` says why the chosen one is not it."""

    track: Track | None = None
    trouble: str = ""

    def order(self, workbook: Workbook) -> tuple[str, ...]:
        """The ids of the koans to walk, in order."""
        return self.track.koans if self.track else tuple(workbook.koans)


class TrackStanding(msgspec.Struct, frozen=True):
    """How far the learner is on a track: how many of its koans pass as they are now, and which comes next.

    Times are in minutes. `estimated` is for all koans of the track and `estimated_left` for those that do not pass;
    `left` is the same at the learner's own pace. `next` is the id of a koan, and empty if all pass.
    """

    track: Track
    passed: int
    estimated: int
    estimated_left: int
    left: float
    next: str
    active: bool = False

    @property
    def done(self) -> bool:
        return not self.next


class Overview(msgspec.Struct, frozen=True):
    """All tracks and, last, the whole workbook. `trouble` as in Active."""

    tracks: tuple[TrackStanding, ...]
    pace: Pace
    trouble: str = ""

    def of(self, name: str) -> TrackStanding:
        """The track with this id, which is known to exist."""
        return next(one for one in self.tracks if one.track.id == name)


class Finished(msgspec.Struct, frozen=True):
    """What a track took whose koans all pass: minutes `at work` without breaks, as logged and as estimated.

    `first_try` counts the koans whose first attempt passed, `hints` the hints seen before a first pass, and `peeks` the
    solutions seen before it.
    """

    track: Track
    minutes: float
    estimated: int
    first_try: int
    hints: int
    peeks: int


def active(workbook: Workbook) -> Active:
    """The track of the settings. If it or the settings cannot be read, the whole workbook counts."""
    try:
        name = settings.load(workbook.root).track
    except KoansError as error:
        return Active(trouble=str(error))
    try:
        return Active(workbook.track(name) if name != WHOLE else None)
    except KoansError as error:
        more = f"so the whole workbook counts (`koans track {WHOLE}` ends this)"
        return Active(trouble=f"{settings.settings_file(workbook.root)}: {error}; {more}")


def choose(workbook: Workbook, name: str) -> Active:
    """Make this track the active one; WHOLE is the whole workbook. Raises KoansError for another name."""
    track = workbook.track(name) if name != WHOLE else None
    settings.change(workbook.root, "track", name)
    return Active(track)


def first_open(order: Iterable[str], standings: Mapping[str, Standing]) -> str | None:
    """The first koan of this order that has not passed. If all have, the first one of the workbook. None if none is."""
    return next((koan for koan in (*order, *standings) if standings[koan].status != Status.passed), None)


def overview(workbook: Workbook, progress: Progress) -> Overview:
    """How far the learner is on each track, and how long the rest takes. Raises KoansError as `pace.estimated` does."""
    standings = progress.standings(workbook)
    times = pace.times(workbook, progress)
    now = active(workbook)
    name = now.track.id if now.track else WHOLE

    def standing(track: Track) -> TrackStanding:
        waiting = [koan for koan in track.koans if standings[koan].status != Status.passed]
        return TrackStanding(
            track=track,
            passed=len(track.koans) - len(waiting),
            estimated=sum(times.estimated[koan] for koan in track.koans),
            estimated_left=sum(times.estimated[koan] for koan in waiting),
            left=sum(map(times.of, waiting)),
            next=waiting[0] if waiting else "",
            active=track.id == name,
        )

    every = (*workbook.tracks.values(), whole(workbook))
    return Overview(tuple(map(standing, every)), times.pace, now.trouble)


def whole(workbook: Workbook) -> Track:
    """The whole workbook as a track."""
    return Track(
        id=WHOLE,
        title="The whole workbook",
        whom="For those who have the time: every koan, chapter by chapter.",
        why="",
        after="`koans again` brings koans back, and `koans review` their cards.",
        koans=tuple(workbook.koans),
    )


def finished(
    workbook: Workbook, progress: Progress, track: Track, standings: Mapping[str, Standing]
) -> Finished | None:
    """What the track took, or None while one of its koans does not pass."""
    if any(standings[koan].status != Status.passed for koan in track.koans):
        return None
    solves = [solve for solve in first_solves(progress.activities()).values() if solve.koan in track.koans]
    return Finished(
        track=track,
        minutes=sum(solve.seconds for solve in solves) / 60,
        estimated=sum(pace.estimated(workbook, workbook.koans[koan]) for koan in track.koans),
        first_try=sum(not solve.failed for solve in solves),
        hints=sum(solve.hints for solve in solves),
        peeks=sum(solve.peeked for solve in solves),
    )


def finished_by(
    workbook: Workbook, progress: Progress, koan: Koan, standings: Mapping[str, Standing] | None = None
) -> Finished | None:
    """What the active track took, if this koan, which has just passed for the first time, was its last."""
    track = active(workbook).track
    if track is None or koan.id not in track.koans:
        return None
    return finished(workbook, progress, track, standings or progress.standings(workbook))
