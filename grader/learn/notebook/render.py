"""Shows the result of a check in a notebook, as text and as HTML, and the result of an import in a terminal.

The text is the same as in a terminal. In the HTML everything is escaped.
"""

from __future__ import annotations

import base64
import io
import re
import sys
from collections.abc import Iterator
from html import escape
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from grader.book import terminal
from grader.book.errors import KoansError
from grader.book.symptom_run import SymptomRun
from grader.book.verdict import SYMBOLS, Status, clean, split_notes
from grader.book.workbook import Koan
from grader.learn.attempts import Step
from grader.learn.notebook.import_answers import ImportedAnswers
from grader.learn.report.standing import unlocked
from grader.learn.report.symptom import SymptomView
from grader.learn.report.symptom_page import caption, picture

# Colors that are readable on light and on dark pages. All other text has the color of the page.
COLORS = {
    Status.passed: "#2e9e57",
    Status.failed: "#d64545",
    Status.not_started: "#8a8f98",
    Status.not_run_here: "#b8860b",
}
TROUBLE = "#d64545"
WIDTH = 100  # columns of the text


class CheckResult(msgspec.Struct, frozen=True):
    """The result of a check: its step, the labels of the cells that were checked, and a note.

    After a pass it has the afterword, in Markdown, and the model answer.
    """

    step: Step
    cells: tuple[str, ...]
    afterword: str = ""
    model: str = ""
    note: str = ""


class CheckOutput:
    """The output of one check. The line that is shown during the check is replaced by its result."""

    def __init__(self) -> None:
        module = sys.modules.get("IPython")
        self._display = getattr(getattr(module, "display", None), "display", None) if module else None
        self._handle: Any = None

    def wait(self, line: str) -> None:
        """Show a line until there is a result. Without a display nothing is shown."""
        if self._display is not None:
            self._handle = self._display({"text/plain": line}, raw=True, display_id=True)

    def message(self, line: str) -> None:
        """Show a line that is no verdict, such as an error."""
        self._show({"text/plain": f"koans: {line}", "text/html": f"<div>{_frame(TROUBLE, escape(line))}</div>"})

    def verdict(self, result: CheckResult) -> None:
        """Show the result, and the afterword as an output of its own."""
        self._show({"text/plain": as_text(result), "text/html": as_html(result)})
        if result.afterword and self._display is not None:
            plain = {"text/plain": result.afterword, "text/markdown": result.afterword}
            self._display(plain, raw=True)

    def _show(self, bundle: dict[str, str]) -> None:
        if self._handle is not None:
            self._handle.update(bundle, raw=True)
        elif self._display is not None:
            self._display(bundle, raw=True)
        else:
            print(bundle["text/plain"])


def as_text(result: CheckResult) -> str:
    """The result as text, as it looks in a terminal."""
    parts: list[RenderableType] = []
    if result.step.symptom is not None:
        parts += [SymptomView(result.step.symptom), ""]
    parts.append(terminal.verdict(result.step.koan, result.step.verdict, debug=False))
    parts += filter(None, (_why_no_speed(result), result.note))
    if result.step.unlocked:
        parts.append(unlocked(result.step.unlocked))
    return _plain(*parts)


def _plain(*parts: RenderableType) -> str:
    out = io.StringIO()
    terminal.SafeConsole(file=out, width=WIDTH, color_system=None, force_jupyter=False).print(*parts, sep="\n")
    return out.getvalue().rstrip()


def import_summary(imported: ImportedAnswers, dry_run: bool) -> RenderableType:
    """The result of an import: a line for each koan with an answer, and the number of those that were not started."""
    outcomes = {"written": "would be written" if dry_run else "written", "the same": "unchanged"}
    lines: list[RenderableType] = []
    for one in imported.answers:
        if one.outcome == "not started":
            continue
        where = ", ".join(one.cells)
        if one.outcome == "defined differently":
            differ = f"{where} and {', '.join(one.others)} have different definitions"
            conflict = f"{differ}: keep one of these cells, and import again"
            lines.append(Text(f"{one.koan}  not changed: {conflict}", "yellow"))
        elif one.outcome == "does not parse":
            lines.append(Text(f"{one.koan}  not changed: {one.error}", "yellow"))
        else:
            copy = f"; your earlier version is saved at {one.copy}" if one.copy else ""
            lines.append(Text.assemble(one.koan, (f"  {outcomes[one.outcome]}, from {where}{copy}", "dim")))
        lines += [Text(clean(f"{one.koan}  {note}"), "yellow") for note in one.notes]
    untouched = sum(one.outcome == "not started" for one in imported.answers)
    if untouched:
        lines.append(Text(f"{untouched} not started", "dim"))
    for missing in imported.missing:
        functions = " and ".join(f"`{name}`" for name in missing.functions)
        if missing.similar:
            similar = f"did you mean `{missing.similar}` in {missing.cell}?"
            lines.append(Text(clean(f"{missing.koan}  no cell defines {functions}: {similar}"), "yellow"))
    names = [missing.koan.partition("/")[2] for missing in imported.missing if not missing.similar]
    if imported.answers and names:
        lines.append(Text(f"no cell defines the functions of {', '.join(names)}", "dim"))
    if not imported.answers and len(names) == len(imported.missing):
        lines.append(Text(f"no cell defines a function of {imported.chapter}'s koans", "yellow"))
    lines += [Text(clean(line), "dim") for line in imported.skipped]
    return Group(*lines)


def as_html(result: CheckResult) -> str:
    """The result as HTML. Styles are inline, because notebooks remove style sheets."""
    return _frame(COLORS.get(result.step.verdict.status, TROUBLE), "".join(_parts(result)))


def _parts(result: CheckResult) -> Iterator[str]:
    verdict, koan = result.step.verdict, result.step.koan
    symbol = SYMBOLS[verdict.status]
    color = COLORS.get(verdict.status, TROUBLE)
    tests = [t for t in verdict.tests if not t.gpu]
    count = f"{sum(t.status == Status.passed for t in tests)} of {len(tests)} tests pass"
    facts = [count] * (bool(tests) and verdict.status != Status.not_started)
    facts += [f"{verdict.seconds:.1f} s"] * bool(verdict.seconds) + [", ".join(result.cells)]
    yield (
        f'<div><b style="color:{color}">{symbol} {escape(verdict.status.value)}</b> <code>{escape(koan.id)}</code> '
        f'<span style="opacity:.65">{escape(" · ".join(facts))}</span></div>'
    )
    on_imports, notes = split_notes(verdict)
    yield from map(_note, on_imports)
    for line in filter(None, (_speed(result), _why_no_speed(result), result.note)):
        yield f'<div style="margin-top:.3em">{escape(line)}</div>'
    if verdict.passed:
        yield from _after_pass(result)
    elif verdict.status == Status.not_started:
        todo = "Replace <code>raise NotImplementedError</code> with your own lines."
        if koan.kind == "hunt":
            todo = "Find the wrong line, and mend it."
        yield f'<div style="margin-top:.3em">{todo}</div>'
    else:
        yield from _after_failure(result)
    if result.step.symptom is not None:
        yield from _symptom(koan, result.step.symptom)
    yield from map(_note, notes)


def _symptom(koan: Koan, run: SymptomRun) -> Iterator[str]:
    try:
        data = base64.b64encode(picture(koan, run, "png")).decode()
    except KoansError:  # matplotlib is not installed
        yield _block(_plain(SymptomView(run)))
        return
    yield f'<img alt="{escape(caption(run))}" style="max-width:640px;width:100%" src="data:image/png;base64,{data}">'


def _note(note: str) -> str:
    return f'<div style="margin-top:.3em">note: {escape(note)}</div>'


def _after_failure(result: CheckResult) -> Iterator[str]:
    verdict = result.step.verdict
    tests = [t for t in verdict.tests if not t.gpu]
    failing = next((t for t in tests if t.status == Status.failed), None)
    if failing and verdict.status == Status.failed:
        example = next((t for t in tests if t.message == verdict.message), failing)
        yield f'<div style="margin-top:.5em"><span style="opacity:.65">fails:</span> {escape(example.sentence)}</div>'
    message = verdict.message
    headline = verdict.headline if message.startswith(verdict.headline) else ""
    if headline:
        yield f'<div style="margin-top:.5em;font-weight:600;white-space:pre-wrap">{_coded(headline)}</div>'
    yield _block(message[len(headline) :].strip("\n"))
    if failing and failing.output.strip():
        yield '<div style="opacity:.65">printed by the code:</div>' + _block(
            "\n".join(terminal.printed_lines(failing.output))
        )
    yield '<div style="opacity:.65">Hints are folded below this cell.</div>'


def _after_pass(result: CheckResult) -> Iterator[str]:
    for card in result.step.unlocked:
        yield (
            f'<div style="margin-top:.3em"><span style="color:{COLORS[Status.passed]}">card unlocked:</span> '
            f"<code>{escape(card.id)}</code> {_coded(card.front)}</div>"
        )
    if result.model:
        summary = '<summary style="cursor:pointer">the model answer</summary>'
        yield f'<details style="margin-top:.5em">{summary}{_block(result.model)}</details>'


def _speed(result: CheckResult) -> str:
    """The verdict on the speed of a koan that has passed; empty if it has no tests of speed."""
    verdict = result.step.verdict
    if verdict.fast is None or not verdict.passed:
        return ""
    return ", ".join(filter(None, (f"fast: {verdict.fast.value}", verdict.speed)))


def _why_no_speed(result: CheckResult) -> str:
    """Why the speed was not measured; empty if it was."""
    tests = result.step.verdict.tests if _speed(result) else ()
    reasons = {t.message for t in tests if t.gpu and t.status == Status.not_run_here and t.message}
    return f"its speed was not measured: {', '.join(sorted(reasons))}" if reasons else ""


def _frame(color: str, inner: str) -> str:
    return f'<div style="border-left:4px solid {color};padding:.4em .9em;margin:.2em 0;line-height:1.5">{inner}</div>'


def _block(lines: str) -> str:
    style = "margin:.4em 0;padding:0;background:none;white-space:pre-wrap;font:.92em/1.35 monospace"
    return f'<pre style="{style}">{escape(lines)}</pre>' if lines.strip() else ""


def _coded(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
