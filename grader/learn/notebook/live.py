"""Checks koans from a running kernel: `koan.check("chapter/name")`, and the cell magic `%%koan chapter/name`.

A check takes the source of the cell that last defined the koan's functions, with the imports and helpers that it uses.
The koan's tests run on this source in a separate process. So a cell that never ends or kills its process gets a
verdict, and the kernel keeps running.
"""

from __future__ import annotations

import math
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from grader.book.errors import KoansError
from grader.book.notebook_parser import answers
from grader.book.notebook_parser.answers import NotebookAnswer, Outline
from grader.book.notebook_parser.statements import Cell, read_cached
from grader.book.project import project
from grader.book.stubs import not_started
from grader.book.symptom_run import SymptomRun
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Koan, Workbook
from grader.gpu import device, lack
from grader.judge.runner import Limits, Runner
from grader.judge.targets import Target
from grader.learn import attempts
from grader.learn.attempts import Step, record_attempt, solution_text
from grader.learn.notebook.render import CheckOutput, CheckResult
from grader.learn.progress import NOTEBOOK, Progress

THIS_CELL = "this cell"  # the label of the cell under `%%koan`
RUN_AFTERWARDS = (Status.passed, Status.failed, Status.not_started, Status.not_run_here)
# The session of this kernel, if there is one. When the first cell runs a second time, its session ends the earlier one.
SESSIONS: list[NotebookSession] = []


def start(root: Path, chapter: str = "", version: str = "") -> NotebookSession:
    """Start the session of this kernel, print where the workbook is and what the machine changes, and add the magic."""
    for other in SESSIONS:
        other.close()
    SESSIONS[:] = [session := NotebookSession(Workbook(root))]
    print(session.description(chapter, version))
    shell = _shell()
    if shell is not None:
        shell.register_magic_function(session.magic, "cell", "koan")
        shell.events.register("pre_run_cell", session.note_cell)
    return session


def _shell() -> Any:
    """The shell of IPython, or None outside of it."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


def _asking(shell: Any) -> int:
    """The number of the cell that runs now."""
    return len(shell.history_manager.input_hist_raw) - 1


class NotebookSession:
    """Checks koans for one kernel. The first check starts the warm process, unless another command has started one."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self._runner: Runner | None = None
        self._limits = Limits()
        self._chapters: dict[str, list[Outline]] = {}
        self._ids: dict[int, str] = {}  # by number: the cell's id in the notebook, if its editor says it
        self._not_run: set[int] = set()  # the numbers of cells that were checked and then not run

    def close(self) -> None:
        """Close the connection to the warm process."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()
        shell = _shell()
        if shell is not None and self.note_cell in shell.events.callbacks["pre_run_cell"]:
            shell.events.unregister("pre_run_cell", self.note_cell)

    def note_cell(self, info: Any) -> None:
        """Keep the id of the cell that begins to run."""
        if info.store_history and getattr(info, "cell_id", None):
            self._ids[len(_shell().history_manager.input_hist_raw)] = info.cell_id  # it is not yet among them

    def description(self, chapter: str, version: str) -> str:
        """Two lines: the workbook with its version, and what this machine can compute with."""
        book = self._workbook
        here = project(book.root).version
        other = f"; this notebook was made from version {version}" if version not in ("", here) else ""
        kernels = any(k.kind == "kernel" for c in book.chapters if chapter in ("", c.id) for k in c.koans)
        return f"workbook: {book.root} (version {here}{other})\nmachine: {_machine_description(kernels)}"

    def check(self, name: str = "", timeout: float = Limits().timeout) -> None:
        """Run a koan's tests on the code of this notebook and show the verdict. `timeout` is in seconds."""
        try:
            _check_arguments(name, timeout)
            cells = self._history()
        except KoansError as error:
            CheckOutput().message(str(error))
            return
        self._limits = Limits(timeout=timeout)
        self._show_check(name, cells)

    def magic(self, line: str, body: str) -> None:
        """Check the cell under `%%koan ID`, then run it in the kernel, unless it is broken, timed out or crashed."""
        self._limits = Limits()
        # With its first line, so that lines are counted as the editor counts them.
        cell = Cell(THIS_CELL, f"%%koan {line}\n{body}")
        step = self._show_check(line.strip(), [*self._history(), cell], own=THIS_CELL)
        shell = _shell()
        if shell is None:
            return
        if step is not None and step.verdict.status in RUN_AFTERWARDS:
            shell.run_cell(body, store_history=False)
        else:
            self._not_run.add(_asking(shell))
            print("This cell was checked but not run, so its functions are not defined yet.")

    def _history(self) -> list[Cell]:
        """The cells that this kernel has run, in order, but the one that asks. Raises KoansError outside IPython."""
        shell = _shell()
        if shell is None:
            raise KoansError("checks need a notebook; here, use `koans run`")
        # The last entry is the cell that asks.
        texts = list(enumerate(shell.history_manager.input_hist_raw))[:-1]
        return [Cell(f"cell [{n}]", text) for n, text in texts if n and n not in self._not_run and text.strip()]

    def _show_check(self, name: str, cells: Sequence[Cell], own: str = "") -> Step | None:
        output = CheckOutput()
        try:
            if not name:
                raise KoansError("name the koan: `%%koan softmax`")
            koan = self._workbook.koan(name)
            output.wait(f"checking {koan.id} …")
            step, result = self.attempt(koan, cells, own)
        except KoansError as error:
            output.message(str(error))
        except KeyboardInterrupt:
            output.message("stopped before it had a verdict; run the check again")
        else:
            output.verdict(result)
            return step
        return None

    def attempt(self, koan: Koan, cells: Sequence[Cell], own: str = "") -> tuple[Step, CheckResult]:
        """Check one koan on these cells, given in the order in which they ran, and record the verdict.

        With `own`, the answer must come from the cell with that label. Raises KoansError if there is no answer.
        """
        answer, outline, others = self._answer(koan, cells, own)
        verdict, symptom = self._judge(koan, answer, others)
        book = self._workbook
        with Progress(book.root, must_write=False) as progress:
            step = record_attempt(
                book, progress, koan, verdict, answer.text, {other.koan: other.text for other in others}
            )
        step = msgspec.structs.replace(step, symptom=symptom)
        passed = verdict.passed
        model = solution_text(book, koan) if passed and book.solution(koan).exists() else ""
        afterword = book.notes(koan).afterword if passed else ""
        notes = ["" if own else _newer_unparsed(cells, answer, outline), self._defined_differently(cells, answer)]
        notes += [f"not recorded: {step.not_recorded}"] if step.not_recorded else []
        note = " ".join(filter(None, notes))
        return step, CheckResult(step, answer.cells, afterword, answers.without_header(model) if model else "", note)

    def _answer(
        self, koan: Koan, cells: Sequence[Cell], own: str
    ) -> tuple[NotebookAnswer, Outline, list[NotebookAnswer]]:
        """The answer to this koan, what was searched for, and the cells' answers to other koans.

        Raises KoansError if there is none.
        """
        outlines = self._outlines(koan.chapter)
        outline = next(o for o in outlines if o.koan == koan.id)
        found, _ = answers.answers(cells, outlines, live=True)
        answer = next((a for a in found if a.koan == koan.id), None)
        functions = " and ".join(f"`{name}`" for name in outline.to_write)
        if own and (answer is None or own not in answer.cells):
            if error := read_cached(cells[-1]).error:
                raise KoansError(f"this cell does not parse ({error})")
            raise KoansError(f"this cell does not define {functions}, which {koan.id} needs")
        if answer is None:
            raise KoansError(
                f"no cell that has run here defines {functions}: run the cell with your answer, then this cell"
            )
        return answer, outline, [other for other in found if other is not answer and other.started and not other.error]

    def _defined_differently(self, cells: Sequence[Cell], answer: NotebookAnswer) -> str:
        """A note if another cell of the notebook has another answer; otherwise empty.

        Earlier runs of a cell are not meant. If the editor does not say which they are, a cell that defined the same
        functions is taken for one.
        """
        koans = {name for one in self._outlines(answer.koan.partition("/")[0]) for name in one.to_write}
        numbers = {cell.label: self._number(cell.label) for cell in cells}
        defines = {cell.label: koans & set(answers.DEF.findall(cell.text)) for cell in cells}
        own = [defines[label] for label in answer.cells]

        def ran_again(label: str) -> bool:
            number = numbers[label]
            if number not in self._ids or not all(numbers[cell] in self._ids for cell in answer.cells):
                return defines[label] in own
            return any(n > number for n, cell_id in self._ids.items() if cell_id == self._ids[number])

        others = " and ".join(label for label in answer.others if not ran_again(label))
        if not others:
            return ""
        here = " and ".join(answer.cells)
        if not answer.started:
            ran_last = f"{others} has an answer, but the stub in {here} ran last"
            return f"{ran_last}: run the cell with your answer again, and remove the stub."
        return (
            f"{others} has another definition. This verdict is on {here}, which ran last. "
            "Grading uses the last cell in the notebook: keep only one of these cells."
        )

    def _number(self, label: str) -> int:
        """The number of a cell."""
        return _asking(_shell()) if label == THIS_CELL else int(label[6:-1])

    def _outlines(self, chapter: str) -> list[Outline]:
        if chapter not in self._chapters:
            self._chapters[chapter] = answers.outlines(self._workbook, chapter)
        return self._chapters[chapter]

    def _judge(
        self, koan: Koan, answer: NotebookAnswer, others: Sequence[NotebookAnswer]
    ) -> tuple[Verdict, SymptomRun | None]:
        """Run the koan's tests on the answer, from a file of its own. It may import the others.

        Returns the verdict, and what a hunt shows.
        """
        with tempfile.TemporaryDirectory(prefix="koans-notebook-") as folder:
            target = Target("path", str(Path(folder).resolve()))
            file = Path(target.name) / "exercises" / f"{koan.id}.py"
            file.parent.mkdir(parents=True)
            for one in (*others, answer):
                file.with_name(f"{one.koan.partition('/')[2]}.py").write_text(one.text, encoding="utf-8")
            symptom = attempts.symptom(self._connected(), koan, target)
            if not_started(self._workbook, koan, file):
                message = "not started: replace `raise NotImplementedError` with your own lines"
                if koan.kind == "hunt":
                    message = "not started: find the wrong line, and mend it"
                return Verdict(koan.id, NOTEBOOK, Status.not_started, message, message), symptom
            verdict = self._connected().run(koan, target)
        notes = verdict.notes if verdict.passed else (*answer.notes, *verdict.notes)
        shown = with_cell_lines(msgspec.structs.replace(verdict, target=NOTEBOOK, notes=notes), koan, answer)
        return shown, symptom

    def _connected(self) -> Runner:
        if self._runner is None:
            self._runner = Runner(self._workbook)
        self._runner.limits = self._limits
        return self._runner


def with_cell_lines(verdict: Verdict, koan: Koan, answer: NotebookAnswer) -> Verdict:
    """The verdict with messages that name lines of cells where they named lines of the file."""
    several = len({cell for cell, _ in answer.origin if cell}) > 1

    def place_of(number: int) -> str:
        cell, line = answer.origin[number - 1] if 0 < number <= len(answer.origin) else ("", 0)
        if not cell:
            return f"line {number} of {koan.name}.py"
        return f"line {line} of {cell}" if several else f"line {line} of the cell"

    def places_of(numbers: str) -> str:
        return ", ".join(dict.fromkeys(place_of(int(number)) for number in numbers.split(",")))

    def relocated(text: str) -> str:
        name = re.escape(koan.name)
        text = re.sub(rf"line (\d+) of {name}\.py", lambda m: place_of(int(m[1])), text)
        text = re.sub(rf"at {name}\.py:(\d+)", lambda m: f"at {place_of(int(m[1]))}", text)
        text = re.sub(rf"in {name}\.py, line (\d+)", lambda m: f"in {place_of(int(m[1]))}", text)
        text = re.sub(r"found in line (\d+):", lambda m: f"found in {place_of(int(m[1]))}:", text)
        if text.startswith("when graded: "):
            text = re.sub(r"\(lines? ([\d, ]+)\)", lambda m: f"({places_of(m[1])})", text)
        text = re.sub(rf"\S*exercises/{re.escape(koan.id)}\.py", "the cell", text)
        return text.replace(f"`koans reset {koan.name}` writes its stub again", "run its cell again")

    tests = tuple(
        msgspec.structs.replace(test, message=relocated(test.message), headline=relocated(test.headline))
        for test in verdict.tests
    )
    message, headline = relocated(verdict.message), relocated(verdict.headline)
    notes = tuple(map(relocated, verdict.notes))
    return msgspec.structs.replace(verdict, message=message, headline=headline, tests=tests, notes=notes)


def _check_arguments(name: object, timeout: object) -> None:
    """Raise KoansError if they are no name and no number of seconds."""
    example = getattr(name, "__name__", "") or "ch06_numerics/softmax"
    if not isinstance(name, str) or not name.strip():
        raise KoansError(f'give the name of a koan as text: koan.check("{example}")')
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < math.inf:
        raise KoansError(f"timeout={timeout!r}: give a number of seconds above 0")


def _newer_unparsed(cells: Sequence[Cell], answer: NotebookAnswer, outline: Outline) -> str:
    """A note if a later cell redefines the koan but does not parse; otherwise empty."""
    labels = [cell.label for cell in cells]
    last = max(labels.index(label) for label in answer.cells)
    for cell in reversed(cells[last + 1 :]):
        parsed = read_cached(cell)
        if parsed.error and set(answers.DEF.findall(cell.text)) & set(outline.to_write):
            return f"{cell.label} does not parse ({parsed.error}), so this verdict is on {' and '.join(answer.cells)}."
    return ""


def _machine_description(kernels: bool) -> str:
    """The device of this machine, and what it changes for this notebook."""
    missing = lack()
    if not kernels:
        return f"{device()}; this chapter needs no GPU"
    if missing:
        return (
            f"{device()}; kernels run on the CPU, which tests whether they are right; "
            f"their speed is not measured here ({missing})"
        )
    return f"{device()}; kernels are compiled for this GPU, and their throughput is measured"
