"""What a check looks like in a notebook: the terminal's words as text, and the same as HTML, with everything escaped.
And what an import says in the terminal.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from html import escape
from typing import Any

import msgspec
from rich.console import Console, Group, RenderableType
from rich.text import Text

from grader.book import terminal
from grader.book.verdict import Status, clean
from grader.learn.attempts import Step
from grader.learn.notebook.import_answers import ImportedAnswers
from grader.learn.report.standing import unlocked

# Colours that can be read on a light and on a dark page; all other text has the page's own.
COLOURS = {
    Status.passed: "#2e9e57",
    Status.failed: "#d64545",
    Status.not_started: "#8a8f98",
    Status.not_run_here: "#b8860b",
}
TROUBLE = "#d64545"
WIDTH = 100  # columns of the text


class CheckResult(msgspec.Struct, frozen=True):
    """A step, the cells it is about, what a pass opens (afterword in Markdown, the model answer), and a note."""

    step: Step
    cells: tuple[str, ...]
    afterword: str = ""
    model: str = ""
    note: str = ""


class CheckOutput:
    """The output of one check: a line while it waits, then what it says, in its place."""

    def __init__(self) -> None:
        module = sys.modules.get("IPython")
        self._display = getattr(getattr(module, "display", None), "display", None) if module else None
        self._handle: Any = None

    def wait(self, line: str) -> None:
        if self._display is not None:
            self._handle = self._display({"text/plain": line}, raw=True, display_id=True)

    def say(self, line: str) -> None:
        """One line that is no verdict."""
        self._put({"text/plain": f"koans: {line}", "text/html": f"<div>{_frame(TROUBLE, escape(line))}</div>"})

    def verdict(self, said: CheckResult) -> None:
        self._put({"text/plain": text(said), "text/html": page(said)})
        if said.afterword and self._display is not None:
            plain = {"text/plain": said.afterword, "text/markdown": said.afterword}
            self._display(plain, raw=True)

    def _put(self, bundle: dict[str, str]) -> None:
        if self._handle is not None:
            self._handle.update(bundle, raw=True)
        elif self._display is not None:
            self._display(bundle, raw=True)
        else:
            print(bundle["text/plain"])


def text(said: CheckResult) -> str:
    """As the terminal says it."""
    out = io.StringIO()
    console = Console(file=out, width=WIDTH, highlight=False, color_system=None, force_jupyter=False)
    console.print(terminal.verdict(said.step.koan, said.step.verdict))
    for line in filter(None, (_why_not_fast(said), said.note)):
        console.print(line, markup=False)
    if said.step.unlocked:
        console.print(unlocked(said.step.unlocked))
    return out.getvalue().rstrip()


def brought(bag: ImportedAnswers, dry_run: bool) -> RenderableType:
    """What a notebook brought: a line a koan, those without an answer as a number."""
    says = {"written": "would be written" if dry_run else "written", "the same": "as it was"}
    lines: list[RenderableType] = []
    for one in bag.brought:
        if one.what == "not started":
            continue
        where = ", ".join(one.cells)
        if one.what == "defined differently":
            more = f"{where} and {', '.join(one.others)} define it differently: keep one of them, and import again"
            lines.append(Text(f"{one.koan}  left alone: {more}", "yellow"))
        elif one.what == "does not parse":
            lines.append(Text(f"{one.koan}  left alone: {one.error}", "yellow"))
        else:
            kept = f"; what was there is kept as {one.kept}" if one.kept else ""
            lines.append(Text.assemble(one.koan, (f"  {says[one.what]}, from {where}{kept}", "dim")))
    untouched = sum(one.what == "not started" for one in bag.brought)
    if untouched:
        lines.append(Text(f"{untouched} not started", "dim"))
    if not bag.brought:
        lines.append(Text(f"no cell defines a function of {bag.chapter}'s koans", "yellow"))
    lines += [Text(clean(line), "dim") for line in bag.left]
    return Group(*lines)


def page(said: CheckResult) -> str:
    """As HTML: inline styles only, since notebooks drop others."""
    return _frame(COLOURS.get(said.step.verdict.status, TROUBLE), "".join(_parts(said)))


def _parts(said: CheckResult) -> Iterator[str]:
    verdict, koan = said.step.verdict, said.step.koan
    symbol = terminal.LOOKS[verdict.status][0]
    colour = COLOURS.get(verdict.status, TROUBLE)
    tests = [t for t in verdict.tests if not t.gpu]
    count = f"{sum(t.status == Status.passed for t in tests)} of {len(tests)} tests pass"
    facts = [count] * (bool(tests) and verdict.status != Status.not_started)
    facts += [f"{verdict.seconds:.1f} s"] * bool(verdict.seconds) + [", ".join(said.cells)]
    yield (
        f'<div><b style="color:{colour}">{symbol} {escape(verdict.status.value)}</b> <code>{escape(koan.id)}</code> '
        f'<span style="opacity:.65">{escape(" · ".join(facts))}</span></div>'
    )
    for line in filter(None, (_fast(said), _why_not_fast(said), said.note)):
        yield f'<div style="margin-top:.3em">{escape(line)}</div>'
    if verdict.passed:
        yield from _won(said)
    elif verdict.status == Status.not_started:
        yield '<div style="margin-top:.3em">Replace <code>raise NotImplementedError</code> with your own lines.</div>'
    else:
        yield from _missed(said)


def _missed(said: CheckResult) -> Iterator[str]:
    verdict = said.step.verdict
    tests = [t for t in verdict.tests if not t.gpu]
    failing = next((t for t in tests if t.status == Status.failed), None)
    if failing and verdict.status == Status.failed:
        chosen = next((t for t in tests if t.message == verdict.message), failing)
        yield f'<div style="margin-top:.5em"><span style="opacity:.65">fails:</span> {escape(chosen.sentence)}</div>'
    message = verdict.message
    headline = verdict.headline if message.startswith(verdict.headline) else ""
    if headline:
        yield f'<div style="margin-top:.5em;font-weight:600;white-space:pre-wrap">{_coded(headline)}</div>'
    yield _block(message[len(headline) :].strip("\n"))
    if failing and failing.output.strip():
        yield '<div style="opacity:.65">printed by the code:</div>' + _block(
            "\n".join(failing.output.strip().splitlines()[:6])
        )
    yield '<div style="opacity:.65">Hints are folded below this cell.</div>'


def _won(said: CheckResult) -> Iterator[str]:
    for card in said.step.unlocked:
        yield (
            f'<div style="margin-top:.3em"><span style="color:{COLOURS[Status.passed]}">card unlocked:</span> '
            f"<code>{escape(card.id)}</code> {_coded(card.front)}</div>"
        )
    if said.model:
        summary = '<summary style="cursor:pointer">the model answer</summary>'
        yield f'<details style="margin-top:.5em">{summary}{_block(said.model)}</details>'


def _fast(said: CheckResult) -> str:
    """The second claim, where the koan has one and has passed."""
    verdict = said.step.verdict
    if verdict.fast is None or not verdict.passed:
        return ""
    return ", ".join(filter(None, (f"fast: {verdict.fast.value}", verdict.speed)))


def _why_not_fast(said: CheckResult) -> str:
    """Why it was not measured whether it is fast."""
    tests = said.step.verdict.tests if _fast(said) else ()
    reasons = {t.message for t in tests if t.gpu and t.status == Status.not_run_here and t.message}
    return f"how fast it is was not measured: {', '.join(sorted(reasons))}" if reasons else ""


def _frame(colour: str, inner: str) -> str:
    return f'<div style="border-left:4px solid {colour};padding:.4em .9em;margin:.2em 0;line-height:1.5">{inner}</div>'


def _block(lines: str) -> str:
    style = "margin:.4em 0;padding:0;background:none;white-space:pre-wrap;font:.92em/1.35 monospace"
    return f'<pre style="{style}">{escape(lines)}</pre>' if lines.strip() else ""


def _coded(words: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(words))
