"""Solving a koan again: a fresh stub in a scratch file, run against the koan's own tests, timed, rated.

Nothing here touches `exercises/` or the log of attempts: a re-solve says what was remembered, not what was proved.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from grader.book.errors import KoansError, writing
from grader.book.stubs import stub_of
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Koan, Workbook
from grader.judge.runner import Runner
from grader.judge.targets import PACKAGE, Target
from grader.learn import deck
from grader.learn.cards.schedule import AGAIN, EASY, GOOD, HARD, Review
from grader.learn.deck import Back
from grader.learn.first_solve import MANY, Solved, solved
from grader.learn.progress import Progress
from grader.learn.recall import ReSolve
from grader.learn.settings import Settings


class Open(msgspec.Struct, frozen=True):
    """A re-solve that has begun: when (seconds since 1970, UTC), how many runs failed, and how it went at first."""

    koan: Koan
    started: float
    failed: int
    first: Solved

    def proposed(self, now: float) -> int:
        """The rating that runs and time speak for: hard after many failed runs; easy if it failed once at most and took
        no longer than at first; else good.
        """
        if self.failed > MANY:
            return HARD
        return EASY if self.failed <= 1 and now - self.started <= self.first.seconds else GOOD


class Choice(msgspec.Struct, frozen=True):
    """The koan to solve again, or None where none is due. `next` is then what comes back first."""

    koan: Koan | None
    next: Back | None = None


class Attempt(msgspec.Struct, frozen=True):
    """What came of a run. `seconds` is the time since the re-solve was begun, breaks and all."""

    open: Open
    verdict: Verdict
    seconds: float


def folder(workbook: Workbook) -> Path:
    return workbook.root / ".koans" / "again"


def scratch(workbook: Workbook, koan: Koan) -> Path:
    return folder(workbook) / PACKAGE / f"{koan.id}.py"


def unfinished(workbook: Workbook, progress: Progress) -> dict[str, Open]:
    """Re-solves that have neither passed nor been given up, the latest first, by koan."""
    found: dict[str, Open] = {}
    firsts = solved(progress.signs())
    for step in progress.recall.resolves():
        koan = workbook.koans.get(step.koan)
        if koan is None or koan.id not in firsts:
            continue
        if step.event == "started":
            found[koan.id] = Open(koan, step.at, 0, firsts[koan.id])
        elif step.event == "failed" and koan.id in found:
            found[koan.id] = msgspec.structs.replace(found[koan.id], failed=found[koan.id].failed + 1)
        else:
            found.pop(koan.id, None)
    return dict(sorted(found.items(), key=lambda pair: -pair[1].started))


def choose(workbook: Workbook, progress: Progress, settings: Settings, name: str | None, now: float) -> Choice:
    """The koan of this name; without a name the one begun last, else the one that is due longest.

    Raises KoansError if it is left to the schedule, and the settings say that no koan comes back by itself.
    """
    koan = _named_or_begun(workbook, unfinished(workbook, progress), name)
    if koan is not None:
        return Choice(koan)
    if not settings.resolve:
        raise KoansError("resolve = false in the settings: name the koan to solve again")
    first = next(iter(deck.koans(workbook, progress, settings, now)), None)
    return Choice(first.koan) if first is not None and first.now else Choice(None, first)


def _named_or_begun(workbook: Workbook, begun: Mapping[str, Open], name: str | None) -> Koan | None:
    if name:
        return workbook.koan(name)
    return next((one.koan for one in begun.values()), None)


def begin(workbook: Workbook, progress: Progress, koan: Koan, now: float) -> Open:
    """Go on with the koan's re-solve, or put a fresh stub in the scratch file and start the clock. Raises KoansError if
    the koan has not passed yet.
    """
    going_on = unfinished(workbook, progress).get(koan.id)
    file, stub = scratch(workbook, koan), stub_of(workbook, koan)
    if going_on is not None and file.exists():
        return going_on
    first = solved(progress.signs()).get(koan.id)
    if first is None:
        raise KoansError(f"{koan.id} has not passed yet: `koans run {koan.name}` comes first")
    with writing(file):
        if file.exists() and (old := file.read_text(encoding="utf-8", errors="replace")) != stub:
            progress.keep_copy(koan, old)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(stub, encoding="utf-8")
    progress.recall.resolve(ReSolve(koan.id, now, "started"))
    return Open(koan, now, 0, first)


def attempt(workbook: Workbook, progress: Progress, runner: Runner, now_open: Open, now: float) -> Attempt:
    """Run the scratch file against the koan's tests, and note it if it failed."""
    verdict = runner.run(now_open.koan, Target("path", str(folder(workbook))))
    if not verdict.passed and verdict.status != Status.not_started:
        progress.recall.resolve(ReSolve(now_open.koan.id, now, "failed"))
        now_open = msgspec.structs.replace(now_open, failed=now_open.failed + 1)
    return Attempt(now_open, verdict, max(0.0, now - now_open.started))


def finish(progress: Progress, done: Open, rating: int, now: float) -> None:
    """It passed, and was this hard."""
    progress.recall.resolve(ReSolve(done.koan.id, now, "passed"))
    progress.recall.review("koan", Review(done.koan.id, rating, now, round(max(0.0, now - done.started), 1)))


def give_up_begun(workbook: Workbook, progress: Progress, name: str | None, now: float) -> Koan:
    """Give up the re-solve of this koan, or the one begun last. Raises KoansError if none was begun."""
    begun = unfinished(workbook, progress)
    koan = _named_or_begun(workbook, begun, name)
    if koan is None or koan.id not in begun:
        raise KoansError(f"{koan.id if koan else 'no koan'}: no re-solve of it was begun; nothing to give up")
    give_up(progress, begun[koan.id], now)
    return koan


def give_up(progress: Progress, done: Open, now: float) -> None:
    """It is not solved this time: it comes back soon."""
    progress.recall.resolve(ReSolve(done.koan.id, now, "given up"))
    progress.recall.review("koan", Review(done.koan.id, AGAIN, now, round(max(0.0, now - done.started), 1)))


def first_text(workbook: Workbook, progress: Progress, first: Solved) -> str:
    """The learner's own first solution: as it was kept, else what is in the exercise now."""
    kept = progress.text(first.content)
    if kept is not None:
        return kept
    koan = workbook.koans[first.koan]
    try:
        return workbook.exercise(koan).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
