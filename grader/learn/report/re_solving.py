"""A re-solve, for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from grader.book import source_text, terminal
from grader.book.stubs import without_docstrings
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Koan, Workbook
from grader.learn.cards.schedule import RATINGS
from grader.learn.due import ReturningKoan
from grader.learn.progress import Progress
from grader.learn.re_solving import OpenReSolve, first_text, scratch
from grader.learn.report.recall import COLORS, count, span, when

SIDE_BY_SIDE = 110  # the least width, in columns, for two answers side by side


def working(workbook: Workbook, now_open: OpenReSolve, verdict: Verdict | None) -> RenderableType:
    """The koan, the file to write in, and the verdict of the last run, if there was one."""
    koan = now_open.koan
    body = workbook.prompt(koan).partition("\n")[2].strip()
    parts: list[RenderableType] = [
        Text.assemble(("again  ", "cyan"), (koan.title, "bold")),
        Text(scratch(workbook, koan).relative_to(workbook.root).as_posix(), "cyan"),
        Text(),
        terminal.markdown(body),
    ]
    if verdict is not None and verdict.status != Status.not_started:
        parts += [Text(), terminal.verdict(koan, verdict)]
    elif verdict is not None:
        parts += [Text(), Text("the file is still the stub", "dim")]
    return Group(*parts)


def begun(workbook: Workbook, now_open: OpenReSolve) -> tuple[RenderableType, ...]:
    """Where the fresh stub is, and the next command."""
    koan = now_open.koan
    file = scratch(workbook, koan).relative_to(workbook.root).as_posix()
    step = terminal.next_steps([(f"koans again {koan.name}", "run it")])
    return f"{file} is a fresh stub; the clock is running", step


def none_due(next_back: ReturningKoan | None, now: float) -> str:
    """That no koan is due, and which one is next."""
    if next_back is None:
        return "no koan is due"
    return f"no koan is due now; {next_back.koan.id} is due {when(next_back.due, now)}"


def given_up(koan: Koan, back: str) -> str:
    """That the re-solve was given up. `back` says when the koan is back."""
    return f"{koan.id} was given up; it is due again {back}"


def rated(number: int, back: str) -> str:
    """The rating that was recorded. `back` says when the koan is back."""
    return f"rated {number} {RATINGS[number]}, due again {back}"


def rating(now_open: OpenReSolve, now: float) -> RenderableType:
    """After a pass: how long it took, and the keys that rate how hard it was."""
    took, proposed = now - now_open.started, now_open.proposed(now)
    keys = [
        Text(f"{key} {words}{' (proposed)' if key == proposed else ''}   ", COLORS[key])
        for key, words in RATINGS.items()
    ]
    return Group(
        Text.assemble((f"{now_open.koan.id}  ", "bold"), terminal.status_text(Status.passed)),
        Text(f"in {span(took)}, {count(now_open.failed, 'failed run')}; {first(now_open)}", "dim"),
        Text(),
        Text.assemble(*keys),
    )


def first(now_open: OpenReSolve) -> str:
    """A summary of the first solve."""
    first_solve = now_open.first
    took = f"in {span(first_solve.seconds)}, " if first_solve.seconds >= 1 else ""
    hints = f", {count(first_solve.hints, 'hint')}" if first_solve.hints else ""
    peeked = ", with a peek at the solution" if first_solve.peeked else ""
    return f"the first time {took}{count(first_solve.failed, 'failed attempt')}{hints}{peeked}"


def beside(workbook: Workbook, progress: Progress, now_open: OpenReSolve, took: float, width: int) -> RenderableType:
    """This solution and the first one, side by side if `width` allows. `took` is in seconds."""
    new_text = source_text.readable(scratch(workbook, now_open.koan).read_bytes())
    texts = (
        (f"again, in {span(took)}", new_text),
        ("the first time", first_text(workbook, progress, now_open.first)),
    )
    as_code = terminal.code if width >= SIDE_BY_SIDE else terminal.code_to_copy
    codes = [(Text(title, "bold"), as_code(without_docstrings(text))) for title, text in texts]
    head = Text.assemble((now_open.koan.id, "bold"), f"  {span(took)}; {first(now_open)}")
    if width < SIDE_BY_SIDE:
        return Group(head, *(part for title, code in codes for part in (Text(), title, code)))
    table = Table.grid(padding=(0, 3), expand=True)
    for _ in codes:
        table.add_column(ratio=1)
    table.add_row(*(title for title, _ in codes))
    table.add_row(*(code for _, code in codes))
    return Group(head, Text(), table)
