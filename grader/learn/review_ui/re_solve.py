"""`koans again`: on a terminal each save of the scratch file runs it; elsewhere each call does."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import RenderableType
from rich.text import Text

from grader.book.workbook import Workbook
from grader.judge.runner import Runner
from grader.learn import re_solving
from grader.learn.cards import re_solve_session as state
from grader.learn.cards.re_solve_session import ReSolveSession
from grader.learn.progress import Progress
from grader.learn.re_solving import Open
from grader.learn.report import re_solving as screens
from grader.learn.review_ui.screens import Screens

KEYS = "every save runs it · r run now · g give up · q leave it for later (the clock runs on)"
RATE = "1 to 4: how hard was it? · Enter: as proposed"
LOOK = 0.2  # seconds between looks at the file


def resolve(
    workbook: Workbook,
    progress: Progress,
    runner: Runner,
    now_open: Open,
    table: Screens,
    clock: Callable[[], float] = time.time,
) -> ReSolveSession:
    """Until it passes and is rated, is given up, or is left for later."""
    file = re_solving.scratch(workbook, now_open.koan)
    resolving, seen, shown = ReSolveSession(), _stamp(file), None
    passed_at = 0.0
    table.show(_screen(workbook, now_open, resolving, 0.0), ask=KEYS)
    runner.warm_up()  # while the learner reads
    while resolving.phase != "ended":
        screen = (resolving.phase, resolving.verdict)
        if screen != shown:
            shown = screen
            table.show(_screen(workbook, now_open, resolving, passed_at), ask=RATE if passed_at else KEYS)
        try:
            key = table.keyboard.key(timeout=LOOK)
        except KeyboardInterrupt:  # leaves it for later; what has passed is rated as proposed
            key = ""
        effect: state.Effect | None
        if key is not None:
            resolving, effect = state.step(resolving, key)
        elif (stamp := _stamp(file)) != seen:
            seen = stamp
            resolving, effect = state.saved(resolving)
        else:
            effect = None
        if effect == "run":
            table.show(_screen(workbook, now_open, resolving, 0.0), Text("\nrunning …", "dim"))
            run = re_solving.attempt(workbook, progress, runner, now_open, clock())
            now_open, resolving = run.open, state.ran(resolving, run.verdict)
            passed_at, shown = (clock() if run.verdict.passed else 0.0), None
        elif effect == "give up":
            re_solving.give_up(progress, now_open, clock())
        elif effect is not None:
            rating = now_open.proposed(passed_at) if effect == "as proposed" else int(effect)
            re_solving.finish(progress, now_open, rating, passed_at)
            table.show(screens.beside(workbook, progress, now_open, passed_at - now_open.started, table.console.width))
    if resolving.verdict is None or not resolving.verdict.passed:
        table.show(Text(f"{now_open.koan.id} is left as it is: {file.relative_to(workbook.root)}"))
    return resolving


def _screen(workbook: Workbook, now_open: Open, resolving: ReSolveSession, passed_at: float) -> RenderableType:
    if passed_at:
        return screens.rating(now_open, passed_at)
    return screens.working(workbook, now_open, resolving.verdict)


def sit(workbook: Workbook, progress: Progress, runner: Runner, now_open: Open, table: Screens, *, fresh: bool) -> bool:
    """Solve it at a terminal. Elsewhere the call that made the `fresh` stub says where it is, and each call after that
    runs it once. False if that run did not pass.
    """
    if table.live:
        resolve(workbook, progress, runner, now_open, table)
        return True
    if not fresh:
        return once(workbook, progress, runner, now_open, table)
    for part in screens.begun(workbook, now_open):
        table.console.print(part)
    return True


def once(
    workbook: Workbook,
    progress: Progress,
    runner: Runner,
    now_open: Open,
    table: Screens,
    clock: Callable[[], float] = time.time,
) -> bool:
    """One run, rated as proposed if it passes; says whether it did."""
    run = re_solving.attempt(workbook, progress, runner, now_open, clock())
    table.show(screens.working(workbook, run.open, run.verdict))
    if run.verdict.passed:
        now = clock()
        re_solving.finish(progress, run.open, run.open.proposed(now), now)
        table.show(screens.beside(workbook, progress, run.open, now - run.open.started, table.console.width))
    return run.verdict.passed


def _stamp(file: object) -> tuple[int, int]:
    from pathlib import Path

    try:
        stat = Path(str(file)).stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size
