"""`koans again`: on a terminal each save of the scratch file runs it. Without a terminal each call runs it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
from rich.console import RenderableType
from rich.text import Text

from grader.book.errors import KoansError
from grader.book.verdict import Verdict
from grader.book.workbook import Koan, Workbook
from grader.judge.runner import Cancelled, Runner
from grader.learn import re_solving, settings
from grader.learn.cards import re_solve_session as state
from grader.learn.cards.re_solve_session import ReSolveSession
from grader.learn.progress import Progress
from grader.learn.re_solving import OpenReSolve
from grader.learn.report import re_solving as report
from grader.learn.report.recall import when
from grader.learn.review_ui.screens import Screens, warning

T = TypeVar("T")
WARMING_UP = "warming up; please wait; q leaves it for later"
RUNNING = "please wait until it has run; q leaves it for later"
KEYS = "each save runs it · r run now · g give up · q leave it for later (the clock keeps running)"
RATE = "1 to 4: how hard was it? · Enter or q: as proposed"
POLL = 0.2  # seconds between checks of the file
WORKING = 0.05  # seconds between checks of a run


def solve_again(
    workbook: Workbook, progress: Progress, runner: Runner, re_solve: OpenReSolve, screens: Screens, *, fresh: bool
) -> bool:
    """Do a re-solve at a terminal. Without a terminal, name the scratch file if its stub is `fresh`, else run it once.

    Returns False if that one run did not pass.
    """
    if screens.live:
        solve_on_terminal(workbook, progress, runner, re_solve, screens)
        return True
    if not fresh:
        return run_once(workbook, progress, runner, re_solve, screens)
    for part in report.begun(workbook, re_solve):
        screens.console.print(part)
    return True


def solve_on_terminal(
    workbook: Workbook,
    progress: Progress,
    runner: Runner,
    re_solve: OpenReSolve,
    screens: Screens,
    clock: Callable[[], float] = time.time,
) -> ReSolveSession:
    """Run the scratch file at each save, until it passes and is rated, is given up, or is left for later."""
    file = re_solving.scratch(workbook, re_solve.koan)
    session, last_save, last_screen = ReSolveSession(), _stamp(file), None
    passed_at, trouble = 0.0, ""
    screens.show(_screen(workbook, re_solve, session, 0.0), ask=WARMING_UP)
    if _meanwhile(screens, runner, runner.warm_up) is None:
        session = msgspec.structs.replace(session, phase="ended")
    while session.phase != "ended":
        screen = (session.phase, session.verdict, trouble)
        if screen != last_screen:
            last_screen = screen
            shown = _screen(workbook, re_solve, session, passed_at)
            screens.show(shown, *warning(trouble), ask=RATE if passed_at else KEYS)
        key = _key(screens)
        effect: state.Effect | None = None
        before = session
        if key is not None:
            session, effect = state.step(session, key)
        elif (stamp := _stamp(file)) != last_save:
            last_save = stamp
            session, effect = state.saved(session)
        if effect == "run":
            screens.show(_screen(workbook, re_solve, session, 0.0), Text("\nrunning …", "dim"), ask=RUNNING)
            work = partial(_judged, workbook, runner, re_solve.koan)
            outcome = _meanwhile(screens, runner, work, file, last_save)
            if outcome is None:
                break
            if isinstance(outcome, Cancelled):
                continue  # a newer text waits
            verdict = outcome
            now, last_screen = clock(), None
            attempt = re_solving.recorded(progress, re_solve, verdict, now)
            re_solve, session = attempt.re_solve, state.ran(session, verdict)
            trouble = f"not recorded: {attempt.not_recorded}" if attempt.not_recorded else ""
            passed_at = now if verdict.passed else 0.0
        elif effect == "give up":
            given_up = clock()
            trouble = screens.unrecorded(partial(re_solving.give_up, progress, re_solve, given_up))
            if not trouble:
                screens.show(Text(report.given_up(re_solve.koan, _back(workbook, progress, re_solve.koan, given_up))))
                return session
            session = before
        elif effect is not None:
            rating = re_solve.proposed(passed_at) if effect == "as proposed" else int(effect)
            trouble = screens.unrecorded(partial(re_solving.finish, progress, re_solve, rating, passed_at))
            if not trouble:
                _show_rated(workbook, progress, re_solve, rating, passed_at, screens)
            elif key in ("q", ""):
                raise KoansError(trouble)
            else:
                session = before  # the learner can press the key once more
    if session.verdict is None or not session.verdict.passed:
        place = file.relative_to(workbook.root).as_posix()
        screens.show(Text(f"{re_solve.koan.id} is not finished; your text stays in {place}"))
    return session


def run_once(
    workbook: Workbook,
    progress: Progress,
    runner: Runner,
    re_solve: OpenReSolve,
    screens: Screens,
    clock: Callable[[], float] = time.time,
) -> bool:
    """Run the scratch file once. If it passes, it is rated as proposed. Returns whether it passed."""
    attempt = re_solving.attempt(workbook, progress, runner, re_solve, clock())
    said = _not_recorded(attempt.not_recorded)
    screens.show(report.working(workbook, attempt.re_solve, attempt.verdict), *said)
    if attempt.verdict.passed:
        now = clock()
        _finish(workbook, progress, attempt.re_solve, attempt.re_solve.proposed(now), now, screens)
    return attempt.verdict.passed


def _not_recorded(reason: str) -> list[Text]:
    return [Text(f"not recorded: {reason}", "yellow")] if reason else []


def _finish(
    workbook: Workbook, progress: Progress, re_solve: OpenReSolve, rating: int, passed_at: float, screens: Screens
) -> None:
    """Record the pass, and show this answer beside the first one."""
    screens.unrecorded(partial(re_solving.finish, progress, re_solve, rating, passed_at))
    _show_rated(workbook, progress, re_solve, rating, passed_at, screens)


def _show_rated(
    workbook: Workbook, progress: Progress, re_solve: OpenReSolve, rating: int, passed_at: float, screens: Screens
) -> None:
    """Show both answers, the rating that was recorded, and when the koan is back."""
    both = report.beside(workbook, progress, re_solve, passed_at - re_solve.started, screens.console.width)
    screens.show(both, Text(), Text(report.rated(rating, _back(workbook, progress, re_solve.koan, passed_at))))


def _back(workbook: Workbook, progress: Progress, koan: Koan, now: float) -> str:
    return when(re_solving.back_at(workbook, progress, settings.load(workbook.root), koan, now), now)


def _screen(workbook: Workbook, re_solve: OpenReSolve, session: ReSolveSession, passed_at: float) -> RenderableType:
    if passed_at:
        return report.rating(re_solve, passed_at)
    return report.working(workbook, re_solve, session.verdict)


def _key(screens: Screens, timeout: float = POLL) -> str | None:
    """The next key, if one is pressed within `timeout` seconds. Ctrl-C counts as the end of the input."""
    try:
        return screens.keyboard.key(timeout)
    except KeyboardInterrupt:
        return ""


def _judged(workbook: Workbook, runner: Runner, koan: Koan) -> Verdict | Cancelled:
    """The verdict on the scratch file, or the error if the run was canceled."""
    try:
        return re_solving.judged(workbook, runner, koan)
    except Cancelled as error:
        return error


def _meanwhile(
    screens: Screens,
    runner: Runner,
    work: Callable[[], T],
    file: Path | None = None,
    last_save: tuple[int, int] | None = None,
) -> T | None:
    """Do the work on a thread, and drop all keys that are pressed meanwhile. None if q ends it.

    The run is canceled once the file is not as in its `last_save`. A cancel does not hit a run that has not reached
    the server yet, so it is repeated.
    """
    executor = ThreadPoolExecutor(1)
    future = executor.submit(work)
    try:
        while not future.done():
            if _key(screens, WORKING) in ("q", ""):
                runner.give_up()
                return None
            if file is not None and _stamp(file) != last_save:
                with contextlib.suppress(KoansError):  # if the runner is gone, the run itself reports it
                    runner.cancel()
        return future.result()
    finally:
        screens.keyboard.discard()
        executor.shutdown(wait=False)


def _stamp(file: Path) -> tuple[int, int]:
    """Changes when the file is saved: its time of modification in ns and its size in bytes."""
    try:
        stat = file.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size
