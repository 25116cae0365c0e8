"""Renders verdicts and prompts for a terminal of any width. Other output, such as a pipe, gets no colors."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.segment import Segment
from rich.text import Text

from grader.book import excerpt
from grader.book.verdict import SYMBOLS, Status, TestResult, Verdict, clean, split_notes
from grader.book.workbook import Koan, Workbook

STYLES: Mapping[Status, str] = {
    Status.passed: "green",
    Status.failed: "red",
    Status.not_started: "dim",
    Status.broken: "red",
    Status.timed_out: "red",
    Status.crashed: "red",
    Status.not_run_here: "yellow",
}
MESSAGE_LINES = 28  # the most lines of a message, so that the verdict fits one screen
OUTPUT_LINES = 6  # the most lines of what the code printed
OUTPUT_WIDTH = 200  # the most characters of one of them


def status_text(status: Status, *, changed: bool = False, in_notebook: bool = False) -> Text:
    """The status with its symbol, in its color. `changed`: the file has changed since it passed.

    `in_notebook`: what passed stands in a notebook, and was not imported.
    """
    remark = " (passed in a notebook)" if in_notebook else " (changed since it passed)" if changed else ""
    return Text(f"{SYMBOLS[status]} {status.value}{remark}", style=STYLES[status])


def verdict(koan: Koan, result: Verdict, *, debug: bool = True) -> RenderableType:
    """One koan's verdict in one screen: what failed first and why. `debug`: `koans debug` can run the same code."""
    return Group(*_verdict(koan, result, debug), *_notes(split_notes(result)[1]))


def _notes(notes: Iterable[str]) -> list[Text]:
    return [Text(f"note: {note}", "yellow") for note in notes]


def _verdict(koan: Koan, result: Verdict, debug: bool) -> list[RenderableType]:
    tests = [t for t in result.tests if not t.gpu]
    passed = sum(t.status == Status.passed for t in tests)
    head = Text.assemble((koan.id, "bold"), "  ", status_text(result.status))
    if tests and result.status != Status.not_started:
        head.append(f"  {passed} of {len(tests)} tests pass", "dim")
    parts: list[RenderableType] = [head, *_notes(split_notes(result)[0])]
    if result.fast is not None and result.status in (Status.passed, Status.not_run_here):
        parts += _fast(result)
    if result.status == Status.passed:
        return parts
    failing = next((t for t in tests if t.status == Status.failed), None)
    if failing and result.status == Status.failed:
        explained = next((t for t in tests if _is_explained(t, result)), failing)
        parts += [Text(), Text.assemble(("fails: ", "dim"), explained.sentence)]
    if result.message and result.status != Status.not_started:
        parts += [Text(), *_message(result)]
    if failing and failing.output.strip():
        lines = printed_lines(failing.output)
        rest = f"  (to see all of it: koans debug {koan.name})" if debug and len(lines) > OUTPUT_LINES else ""
        parts += [Text(), Text(f"printed by the code:{rest}", "dim"), *(Text(f"  {line}") for line in lines)]
    return parts


def printed_lines(output: str) -> list[str]:
    """The lines of what the code printed, or the first and the last ones with the number of the others between them."""
    part = excerpt.excerpt(output, OUTPUT_LINES)
    first, last = ([_cropped(line) for line in lines] for lines in (part.first, part.last))
    return [*first, *[excerpt.mark(part.left_out)] * (part.left_out > 0), *last]


def _cropped(line: str) -> str:
    return line if len(line) <= OUTPUT_WIDTH else f"{line[: OUTPUT_WIDTH - 1]}…"


def _fast(result: Verdict) -> list[RenderableType]:
    """The lines about the second claim: how fast it is, or why it failed."""
    assert result.fast is not None
    line = Text.assemble("  fast: ", status_text(result.fast))
    if result.speed:
        line.append(f", {result.speed}", "dim")
    failing = next((t for t in result.tests if t.gpu and t.status == Status.failed), None)
    reasons = failing.message.splitlines()[:MESSAGE_LINES] if failing else []
    return [line, *(Text(f"    {reason}", "dim") for reason in reasons)]


def _is_explained(test: TestResult, result: Verdict) -> bool:
    """Whether the verdict's message is about this test. The verdict may have ruled out some names of its headline."""
    if test.message == result.message:
        return True
    body = test.message.removeprefix(test.headline)
    return bool(test.headline) and body != test.message and result.message == result.headline + body


def _message(result: Verdict) -> list[Text]:
    lines = result.message.splitlines()
    if len(lines) > MESSAGE_LINES:
        lines = [*lines[: MESSAGE_LINES - 1], f"… {len(lines) - MESSAGE_LINES + 1} more lines"]
    style = "bold" if result.status == Status.failed else ""
    return [Text(line, style if i == 0 else "") for i, line in enumerate(lines)]


def next_steps(steps: Sequence[tuple[str, str]]) -> RenderableType:
    """Commands and what each does, one a line. A command may be copied, so no line is wrapped."""
    width = max((len(command) for command, effect in steps if effect), default=0)
    lines = [Text.assemble("  ", (command.ljust(width), "cyan"), "  ", (effect, "dim")) for command, effect in steps]
    for line in lines:
        line.rstrip()
        line.no_wrap, line.overflow = True, "ignore"
    return Group(Text(), Text("next", "dim"), *lines)


def prompt(workbook: Workbook, koan: Koan) -> RenderableType:
    """The title of the koan, its file, and what it is about."""
    body = workbook.prompt(koan).partition("\n")[2].strip()
    head = Text.assemble((koan.title, "bold"), f"  ({koan.rung}, {koan.points} point{'s' * (koan.points != 1)})")
    file = Text(f"exercises/{koan.id}.py", "cyan", no_wrap=True, overflow="ignore")
    return Group(head, file, Text(), markdown(body))


def prepare() -> None:
    """Import in a thread what an afterword needs. The koan runs in another process during this time."""
    threading.Thread(target=import_module, args=("grader.book.copyable",), daemon=True).start()


def markdown(text: str) -> RenderableType:
    from grader.book.copyable import CopyableMarkdown  # here: it takes long to import, and most verbs do not need it

    return CopyableMarkdown(text)


def code(text: str) -> RenderableType:
    """Python code for a part of a screen: long lines are wrapped."""
    from rich.syntax import Syntax  # here, for the same reason

    return Syntax(text, "python", theme="ansi_dark", background_color="default", word_wrap=True)


def code_to_copy(text: str) -> RenderableType:
    """Python code whose lines are printed as they are."""
    from grader.book.copyable import CopyableCode

    return CopyableCode(text)


def harmless(text: str) -> str:
    """The text made safe to print, also in the log of a GitHub workflow, whose runner obeys lines such as ::error::.

    What is replaced keeps its width, and looks much the same.
    """
    text = clean(text)
    if not os.environ.get("GITHUB_ACTIONS"):
        return text
    return re.sub(r"^(\s*)::", r"\1∶∶", text, flags=re.MULTILINE).replace("##[", "#♯[")


class SafeConsole(Console):
    """A console on which a string is only text: nothing in it is markup or an emoji, and no escape or control
    character in it reaches the terminal.

    Names and messages of strangers are printed on it, so it holds for everything that is printed. In the log of a
    GitHub workflow no string is a command either.

    It crops no line, because code may be copied. Where it is no terminal, no line ends in spaces.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*objects, **{"crop": False, **options})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else harmless(segment.text)
            yield segment if text == segment.text else Segment(text, segment.style)

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        text = super()._render_buffer(buffer)
        return text if self.is_terminal else re.sub(r" +(?=\n)", "", text)


def can_draw() -> bool:
    """Whether a terminal can do more than print lines, by the variable TERM. On Windows, which sets none, it can."""
    return os.environ.get("TERM", "dumb" if os.name != "nt" else "windows").lower() not in ("", "dumb", "unknown")


def console(*, stderr: bool = False) -> SafeConsole:
    """Writes plain text unless it is a terminal that can draw.

    At most 110 columns wide, because longer lines are hard to read.
    """
    colors: dict[str, Any] = {} if can_draw() or os.environ.get("FORCE_COLOR") else {"color_system": None}
    plain = SafeConsole(stderr=stderr, **colors)
    return SafeConsole(stderr=stderr, width=min(plain.width, 110), **colors) if plain.width > 110 else plain
