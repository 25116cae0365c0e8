"""Re-solves: the learner solves a passed koan again, from the stub, in a scratch file. It is timed and rated.

A re-solve measures what the learner remembers. It changes neither `exercises/` nor the log of attempts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from grader.book import source_text
from grader.book.database import DatabaseRefused
from grader.book.errors import KoansError, reading
from grader.book.files import write_file
from grader.book.koan_imports import PACKAGE
from grader.book.stubs import stub_of
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Koan, Workbook
from grader.judge.runner import Runner
from grader.judge.targets import Target
from grader.learn import due
from grader.learn.cards.schedule import AGAIN, EASY, GOOD, HARD, Review
from grader.learn.due import ReturningKoan
from grader.learn.first_solve import MANY, FirstSolve, first_solves
from grader.learn.progress import Progress
from grader.learn.recall import ReSolveStep
from grader.learn.settings import Settings


class OpenReSolve(msgspec.Struct, frozen=True):
    """A re-solve that was begun and has not ended.

    `started` is in seconds since 1970, UTC. `failed` counts the runs that failed. `first` is the koan's first solve.
    """

    koan: Koan
    started: float
    failed: int
    first: FirstSolve

    def proposed(self, now: float) -> int:
        """The rating to propose for a pass at `now`.

        Hard: after many failed runs. Easy: with at most one failed run, and no longer than the first solve took. Good:
        in all other cases.
        """
        if self.failed > MANY:
            return HARD
        return EASY if self.failed <= 1 and now - self.started <= self.first.seconds else GOOD


class Choice(msgspec.Struct, frozen=True):
    """The koan to solve again. If none is due, `koan` is None and `next` is the koan that comes back first, if any."""

    koan: Koan | None
    next: ReturningKoan | None = None


class Attempt(msgspec.Struct, frozen=True):
    """A run of the scratch file and its verdict. `seconds` is the time since the re-solve was begun, with breaks.

    `not_recorded` says why a failure could not be recorded, and is empty if it was.
    """

    re_solve: OpenReSolve
    verdict: Verdict
    seconds: float
    not_recorded: str = ""


def folder(workbook: Workbook) -> Path:
    """The folder of the scratch files."""
    return workbook.root / ".koans" / "again"


def scratch(workbook: Workbook, koan: Koan) -> Path:
    """The scratch file of a koan."""
    return folder(workbook) / PACKAGE / f"{koan.id}.py"


def unfinished(workbook: Workbook, progress: Progress) -> dict[str, OpenReSolve]:
    """The re-solves that have neither passed nor been given up, by koan id, the latest first."""
    begun: dict[str, OpenReSolve] = {}
    firsts = first_solves(progress.activities())
    for step in progress.recall.re_solve_steps():
        koan = workbook.koans.get(step.koan)
        if koan is None or koan.id not in firsts:
            continue
        if step.event == "started":
            begun[koan.id] = OpenReSolve(koan, step.at, 0, firsts[koan.id])
        elif step.event == "failed" and koan.id in begun:
            begun[koan.id] = _with_failure(begun[koan.id])
        else:
            begun.pop(koan.id, None)
    return dict(sorted(begun.items(), key=lambda pair: -pair[1].started))


def _with_failure(re_solve: OpenReSolve) -> OpenReSolve:
    return msgspec.structs.replace(re_solve, failed=re_solve.failed + 1)


def choose(workbook: Workbook, progress: Progress, settings: Settings, name: str | None, now: float) -> Choice:
    """The koan of this name. Without a name: the koan of the re-solve begun last, else the koan that is due longest.

    Raises KoansError if the schedule is to choose and the learner has opted out of it (`resolve = false`).
    """
    koan = _named_or_begun(workbook, unfinished(workbook, progress), name)
    if koan is not None:
        return Choice(koan)
    if not settings.resolve:
        raise KoansError("resolve = false in the settings: name the koan to solve again")
    first = next(iter(due.koans(workbook, progress, settings, now)), None)
    return Choice(first.koan) if first is not None and first.is_due else Choice(None, first)


def _named_or_begun(workbook: Workbook, begun: Mapping[str, OpenReSolve], name: str | None) -> Koan | None:
    if name:
        return workbook.koan(name)
    return next((re_solve.koan for re_solve in begun.values()), None)


def begin(workbook: Workbook, progress: Progress, koan: Koan, now: float) -> OpenReSolve:
    """Continue the koan's re-solve, or write the stub to the scratch file and start the clock.

    Raises KoansError if the koan has not passed yet or the scratch file cannot be written.
    """
    open_one = unfinished(workbook, progress).get(koan.id)
    file, stub = scratch(workbook, koan), stub_of(workbook, koan)
    if open_one is not None and file.exists():
        return open_one
    first = first_solves(progress.activities()).get(koan.id)
    if first is None:
        raise KoansError(f"{koan.id} has not passed yet: pass it first with `koans run {koan.name}`")
    with reading(file):
        old = file.read_bytes() if file.exists() else stub.encode()
    if old != stub.encode():
        progress.keep_copy(koan, old)
    write_file(file, stub, make_folder=True)
    progress.recall.add_re_solve_step(ReSolveStep(koan.id, now, "started"))
    return OpenReSolve(koan, now, 0, first)


def judged(workbook: Workbook, runner: Runner, koan: Koan) -> Verdict:
    """Run the scratch file against the koan's tests. Nothing is recorded."""
    return runner.run(koan, Target("path", str(folder(workbook))))


def attempt(workbook: Workbook, progress: Progress, runner: Runner, re_solve: OpenReSolve, now: float) -> Attempt:
    """Run the scratch file against the koan's tests, and record a failure if that is possible."""
    return recorded(progress, re_solve, judged(workbook, runner, re_solve.koan), now)


def recorded(progress: Progress, re_solve: OpenReSolve, verdict: Verdict, now: float) -> Attempt:
    """The attempt with this verdict. A failure is recorded, if that is possible."""
    not_recorded = ""
    if not verdict.passed and verdict.status != Status.not_started:
        re_solve = _with_failure(re_solve)
        try:
            progress.recall.add_re_solve_step(ReSolveStep(re_solve.koan.id, now, "failed"))
        except DatabaseRefused as error:
            not_recorded = str(error)
    return Attempt(re_solve, verdict, max(0.0, now - re_solve.started), not_recorded)


def finish(progress: Progress, re_solve: OpenReSolve, rating: int, now: float) -> None:
    """Record that the re-solve passed at `now`, with this rating (1 to 4)."""
    review = Review(re_solve.koan.id, rating, now, round(max(0.0, now - re_solve.started), 1))
    progress.recall.end_re_solve(ReSolveStep(re_solve.koan.id, now, "passed"), review)


def give_up_begun(workbook: Workbook, progress: Progress, name: str | None, now: float) -> Koan:
    """Give up the re-solve of this koan, or the one begun last. Raises KoansError if there is none."""
    begun = unfinished(workbook, progress)
    koan = _named_or_begun(workbook, begun, name)
    if koan is None or koan.id not in begun:
        none = f"{koan.id} is not being solved again" if koan else "no koan is being solved again"
        raise KoansError(f"{none}, so there is nothing to give up")
    give_up(progress, begun[koan.id], now)
    return koan


def give_up(progress: Progress, re_solve: OpenReSolve, now: float) -> None:
    """Record that the re-solve was given up, rated again: the koan comes back soon."""
    review = Review(re_solve.koan.id, AGAIN, now, round(max(0.0, now - re_solve.started), 1))
    progress.recall.end_re_solve(ReSolveStep(re_solve.koan.id, now, "given up"), review)


def back_at(workbook: Workbook, progress: Progress, settings: Settings, koan: Koan, now: float) -> float:
    """When this passed koan is back, in seconds since 1970, UTC."""
    return next(back.due for back in due.koans(workbook, progress, settings, now) if back.koan.id == koan.id)


def first_text(workbook: Workbook, progress: Progress, first: FirstSolve) -> str:
    """The learner's own first solution: the stored text, or the exercise as it is now if none was stored."""
    stored = progress.text(first.content)
    if stored is not None:
        return stored
    koan = workbook.koans[first.koan]
    try:
        return source_text.readable(source_text.contents(workbook.exercise(koan)))
    except OSError:
        return ""
