"""What people read in a terminal, at 60 columns or 200; colour only where there is a terminal."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from importlib import import_module

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.book.verdict import Status, TestResult, Verdict
from grader.book.workbook import Koan, Workbook

LOOKS: Mapping[Status, tuple[str, str]] = {
    Status.passed: ("✓", "green"),
    Status.failed: ("✗", "red"),
    Status.not_started: ("·", "dim"),
    Status.broken: ("!", "red"),
    Status.timed_out: ("!", "red"),
    Status.crashed: ("!", "red"),
    Status.not_run_here: ("–", "yellow"),
}
SHOWN = 28  # lines of a message: the verdict fits one screen


def status_text(status: Status, *, changed: bool = False) -> Text:
    symbol, style = LOOKS[status]
    return Text(f"{symbol} {status.value}" + (" (changed since it passed)" if changed else ""), style=style)


def verdict(koan: Koan, result: Verdict) -> RenderableType:
    """One koan's verdict in one screen: what failed first and why, what to do next."""
    tests = [t for t in result.tests if not t.gpu]
    passed = sum(t.status == Status.passed for t in tests)
    head = Text.assemble((koan.id, "bold"), "  ", status_text(result.status))
    if tests and result.status != Status.not_started:
        head.append(f"  {passed} of {len(tests)} tests pass", "dim")
    parts: list[RenderableType] = [head]
    if result.fast is not None and result.status in (Status.passed, Status.not_run_here):
        parts += _fast(result)
    if result.status == Status.passed:
        return Group(*parts)
    failing = next((t for t in tests if t.status == Status.failed), None)
    if failing and result.status == Status.failed:
        chosen = next((t for t in tests if _tells(t, result)), failing)
        parts += [Text(), Text.assemble(("fails: ", "dim"), chosen.sentence)]
    if result.message and result.status != Status.not_started:
        parts += [Text(), *_message(result)]
    if failing and failing.output.strip():
        lines = failing.output.strip().splitlines()
        more = [f"… {len(lines) - 6} more lines"] if len(lines) > 6 else []
        parts += [
            Text(),
            Text("printed by the code:", "dim"),
            *(Text(f"  {line[:200]}") for line in [*lines[:6], *more]),
        ]
    return Group(*parts)


def _fast(result: Verdict) -> list[RenderableType]:
    """The second claim: how fast, or why not."""
    assert result.fast is not None
    line = Text.assemble("  fast: ", status_text(result.fast))
    if result.speed:
        line.append(f", {result.speed}", "dim")
    slow = next((t for t in result.tests if t.gpu and t.status == Status.failed), None)
    return [line, *(Text(f"    {text}", "dim") for text in slow.message.splitlines()[:SHOWN])] if slow else [line]


def _tells(test: TestResult, result: Verdict) -> bool:
    """Is it this test's failure that the verdict tells? Its look-alikes may have been told apart since."""
    if test.message == result.message:
        return True
    body = test.message.removeprefix(test.headline)
    return bool(test.headline) and body != test.message and result.message == result.headline + body


def _message(result: Verdict) -> list[Text]:
    lines = result.message.splitlines()
    if len(lines) > SHOWN:
        lines = [*lines[: SHOWN - 1], f"… {len(lines) - SHOWN + 1} more lines"]
    style = "bold" if result.status == Status.failed else ""
    return [Text(line, style if i == 0 else "") for i, line in enumerate(lines)]


def next_steps(steps: Sequence[tuple[str, str]]) -> RenderableType:
    """Command and what it does."""
    table = Table.grid(padding=(0, 2))
    for command, does in steps:
        table.add_row(Text(command, "cyan"), Text(does, "dim"))
    return Group(Text(), Text("next", "dim"), Padding(table, (0, 0, 0, 2)))


def prompt(workbook: Workbook, koan: Koan) -> RenderableType:
    """Title, file and what the koan is about."""
    body = workbook.prompt(koan).partition("\n")[2].strip()
    head = Text.assemble((koan.title, "bold"), f"  ({koan.rung}, {koan.points} point{'s' * (koan.points != 1)})")
    file = Text(f"exercises/{koan.id}.py", "cyan")
    return Group(head, file, Text(), markdown(body))


def prepare() -> None:
    """Import what an afterword takes on a thread: the koan runs in another process meanwhile."""
    threading.Thread(target=import_module, args=("rich.markdown",), daemon=True).start()


def markdown(text: str) -> RenderableType:
    from rich.markdown import Markdown  # takes long to import, and most verbs need none

    return Markdown(text)


def code(text: str) -> RenderableType:
    from rich.syntax import Syntax

    return Syntax(text, "python", theme="ansi_dark", background_color="default", word_wrap=True)


def console(*, stderr: bool = False) -> Console:
    """Plain text unless it is a terminal; never wider than 110 columns, where lines get hard to read."""
    plain = Console(stderr=stderr, highlight=False, soft_wrap=False)
    return Console(stderr=stderr, highlight=False, width=min(plain.width, 110)) if plain.width > 110 else plain
