"""Checks koans from a running kernel: `koan.check("chapter/name")`, and the cell magic `%%koan chapter/name`.

What is checked is source text: of the cells that ran, the one that defined the koan's functions last, with the imports
and helpers it uses. The koan's tests run on it in a process of their own, so a cell that loops for ever or kills its
process gets a verdict, and the kernel lives on.
"""

from __future__ import annotations

import re
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from grader.book.errors import KoansError
from grader.book.notebook_parser import answers
from grader.book.notebook_parser.answers import NotebookAnswer, Outline
from grader.book.notebook_parser.statements import Cell, known
from grader.book.stubs import not_started
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Koan, Workbook
from grader.gpu import device, lack
from grader.judge.runner import Limits, Runner
from grader.judge.targets import Target
from grader.learn.attempts import LEARNER, Step, settle, solution_text
from grader.learn.notebook.render import CheckOutput, CheckResult
from grader.learn.progress import Progress

STARTED: list[
    NotebookSession
] = []  # the session of this kernel, so that running the first cell again does not start another


def start(root: Path, chapter: str = "", version: str = "") -> NotebookSession:
    """The session of this kernel: says where the workbook is and what the machine changes, and adds the magic."""
    for other in STARTED:
        other.close()
    STARTED[:] = [session := NotebookSession(Workbook(root))]
    print(session.where(chapter, version))
    shell = _shell()
    if shell is not None:
        shell.register_magic_function(session.magic, "cell", "koan")
    return session


def _shell() -> Any:
    """IPython's shell, if this is one."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


class NotebookSession:
    """A kernel's way to the workbook. The first check starts the warm process, unless a command has left one."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self._runner: Runner | None = None
        self._limits = Limits()
        self._chapters: dict[str, list[Outline]] = {}

    def close(self) -> None:
        """Let go of the warm process."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()

    def where(self, chapter: str, version: str) -> str:
        """Three lines: the workbook, this machine, and what to do."""
        book = self._workbook
        here = tomllib.loads((book.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
        other = f"; this notebook was made from {version}" if version not in ("", here) else ""
        kernels = any(k.kind == "kernel" for c in book.chapters if chapter in ("", c.id) for k in c.koans)
        return "\n".join([f"workbook: {book.root} (version {here}{other})", f"machine: {_machine(kernels)}"])

    def check(self, name: str, timeout: float = Limits().timeout) -> None:
        """Run a koan's tests, `timeout` seconds at most, on what this notebook defines, and show the verdict."""
        self._limits = Limits(timeout=timeout)
        self._show(name, _history())

    def magic(self, line: str, body: str) -> None:
        """`%%koan ID`: check this cell, then run it in the kernel, unless it broke, hung or crashed."""
        self._limits = Limits()
        step = self._show(line.strip(), [*_history(), Cell("this cell", body)], own="this cell")
        shell = _shell()
        if step is not None and shell is not None:
            if step.verdict.status in (Status.passed, Status.failed, Status.not_started, Status.not_run_here):
                shell.run_cell(body, store_history=False)
            else:
                print("The cell was not run in the kernel, so what it defines is not there yet.")

    def _show(self, name: str, cells: Sequence[Cell], own: str = "") -> Step | None:
        shown = CheckOutput()
        try:
            koan = self._workbook.koan(name)
            shown.wait(f"checking {koan.id} …")
            step, said = self.attempt(koan, cells, own)
        except KoansError as error:
            shown.say(str(error))
        except KeyboardInterrupt:
            shown.say("stopped before there was a verdict; run the check again")
        else:
            shown.verdict(said)
            return step
        return None

    def attempt(self, koan: Koan, cells: Sequence[Cell], own: str = "") -> tuple[Step, CheckResult]:
        """Check one koan against these cells, in the order in which they ran, and record it.

        With `own` the answer must come from the cell of that label. Raises KoansError where there is none.
        """
        wanted = self._outlines(koan.chapter)
        outline = next(o for o in wanted if o.koan == koan.id)
        found, _ = answers.answers(cells, wanted, live=True)
        answer = next((a for a in found if a.koan == koan.id), None)
        functions = " and ".join(f"`{name}`" for name in outline.mine)
        if own and (answer is None or own not in answer.cells):
            raise KoansError(f"this cell defines no {functions}, which {koan.id} asks for{_broken(cells[-1])}")
        if answer is None:
            raise KoansError(
                f"no cell that has run here defines {functions}: run the cell with your answer, then this one"
            )
        verdict = self._judged(koan, answer)
        book = self._workbook
        with Progress(book.root) as progress:
            step = settle(book, progress, koan, verdict, answer.text)
        passed = verdict.passed
        model = solution_text(book, koan) if passed and book.solution(koan).exists() else ""
        afterword = book.notes(koan).afterword if passed else ""
        note = "" if own else _stale(cells, answer, outline)
        return step, CheckResult(step, answer.cells, afterword, answers.without_header(model) if model else "", note)

    def _outlines(self, chapter: str) -> list[Outline]:
        if chapter not in self._chapters:
            self._chapters[chapter] = answers.outlines(self._workbook, chapter)
        return self._chapters[chapter]

    def _judged(self, koan: Koan, answer: NotebookAnswer) -> Verdict:
        with tempfile.TemporaryDirectory(prefix="koans-notebook-") as folder:
            target = Target("path", str(Path(folder).resolve()))
            file = Path(target.name) / "exercises" / f"{koan.id}.py"
            file.parent.mkdir(parents=True)
            file.write_text(answer.text, encoding="utf-8")
            if not_started(self._workbook, koan, file):
                says = "not started: replace `raise NotImplementedError` with your own lines"
                return Verdict(koan.id, str(LEARNER), Status.not_started, says, says)
            verdict = self._run(koan, target)
        return in_cells(msgspec.structs.replace(verdict, target=str(LEARNER)), koan, answer)

    def _run(self, koan: Koan, target: Target) -> Verdict:
        if self._runner is None:
            self._runner = Runner(self._workbook)
        self._runner.limits = self._limits
        return self._runner.run(koan, target)


def in_cells(verdict: Verdict, koan: Koan, answer: NotebookAnswer) -> Verdict:
    """The verdict with the file's lines said as lines of cells."""
    several = len({cell for cell, _ in answer.origin if cell}) > 1

    def at(number: int) -> str:
        cell, line = answer.origin[number - 1] if 0 < number <= len(answer.origin) else ("", 0)
        if not cell:
            return f"line {number} of {koan.name}.py"
        return f"line {line} of {cell}" if several else f"line {line} of the cell"

    def told(text: str) -> str:
        name = re.escape(koan.name)
        text = re.sub(rf"line (\d+) of {name}\.py", lambda m: at(int(m[1])), text)
        text = re.sub(rf"at {name}\.py:(\d+)", lambda m: f"at {at(int(m[1]))}", text)
        text = re.sub(rf"in {name}\.py, line (\d+)", lambda m: f"in {at(int(m[1]))}", text)
        text = re.sub(r"found in line (\d+):", lambda m: f"found in {at(int(m[1]))}:", text)
        text = re.sub(rf"\S*exercises/{re.escape(koan.id)}\.py", "the cell", text)
        return text.replace(f"`koans reset {koan.name}` makes it anew", "run its cell again")

    tests = tuple(msgspec.structs.replace(t, message=told(t.message), headline=told(t.headline)) for t in verdict.tests)
    return msgspec.structs.replace(verdict, message=told(verdict.message), headline=told(verdict.headline), tests=tests)


def _history() -> list[Cell]:
    """Every cell that this kernel has run, in the order in which it ran them."""
    shell = _shell()
    if shell is None:
        raise KoansError("checks need a notebook: here `koans run` does it")
    # The last is the cell that asks.
    texts = enumerate(shell.history_manager.input_hist_raw)
    return [Cell(f"cell [{number}]", text) for number, text in texts if number and text.strip()][:-1]


def _broken(cell: Cell) -> str:
    error = known(cell).error
    return f": {error}" if error else ""


def _stale(cells: Sequence[Cell], answer: NotebookAnswer, outline: Outline) -> str:
    """Says that a later cell would have defined the koan anew, but does not parse."""
    labels = [cell.label for cell in cells]
    last = max(labels.index(label) for label in answer.cells)
    for cell in reversed(cells[last + 1 :]):
        parsed = known(cell)
        if parsed.error and set(answers.DEF.findall(cell.text)) & set(outline.mine):
            return (
                f"{cell.label} does not parse ({parsed.error}), so this is the verdict on {' and '.join(answer.cells)}."
            )
    return ""


def _machine(kernels: bool) -> str:
    """What there is to compute with, and what that changes."""
    missing = lack()
    if not kernels:
        return f"{device()}; this chapter needs no GPU"
    if missing:
        return (
            f"{device()}; kernels run in Triton's interpreter on the CPU, which shows that they are right; "
            f"how fast they are is not measured here ({missing})"
        )
    return f"{device()}; kernels are compiled for it, and their throughput is measured"
