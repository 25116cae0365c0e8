"""A stranger's notebooks, read in a process that is shut in first: parsing runs nothing, but parsers have bugs.

`python -m grader.course.intake.sandboxed_parse` is that process. It reads the question from its input and writes the
answer to its output.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.book.notebook_parser import answers, notebook_file
from grader.book.notebook_parser.answers import NotebookAnswer, Outline
from grader.book.processes import environment, module
from grader.judge.sandbox import submission
from grader.judge.sandbox.service import ENVIRONMENT

MEMORY = 1 << 30  # bytes beyond what the process has when it starts to read
SECONDS = 20
NOTES = 20  # that a submission is told


class ParseRequest(msgspec.Struct, frozen=True):
    """Notebooks by name and text, what to look for, and the workbook that must not be readable."""

    root: str
    scratch: str
    outlines: tuple[Outline, ...]
    notebooks: tuple[tuple[str, str], ...]


class ParseResult(msgspec.Struct, frozen=True):
    """The text of each koan that the notebooks answer, and what there is to say. `problem`: none can be read."""

    texts: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    problem: str = ""


def read(root: Path, paths: Sequence[Path], outlines: Sequence[Outline]) -> ParseResult:
    """What these notebooks of one submission hold for the koans of the workbook at `root`."""
    notebooks: list[tuple[str, str]] = []
    for path in paths:
        try:
            notebooks.append((path.name, submission.read(path.parent, path.name, largest=notebook_file.LARGEST)))
        except (submission.Unreadable, OSError) as error:
            return ParseResult(problem=str(error))
    with tempfile.TemporaryDirectory(prefix="koans-cells-") as scratch:
        asked = ParseRequest(str(root), scratch, tuple(outlines), tuple(notebooks))
        keep = {k: os.environ[k] for k in ENVIRONMENT if k in os.environ}
        try:
            done = subprocess.run(
                [sys.executable, *module(__package__, "sandboxed_parse")],
                env=environment(root, keep),
                cwd=root,
                input=msgspec.msgpack.encode(asked),
                capture_output=True,
                timeout=2 * SECONDS,
            )
            return msgspec.msgpack.decode(done.stdout, type=ParseResult)
        except subprocess.TimeoutExpired:
            why = f"not within {2 * SECONDS} s"
        except msgspec.MsgspecError:  # killed by a limit, or by what it read
            why = f"the process that read it ended with {done.returncode}"
    return ParseResult(problem=f"{', '.join(name for name, _ in notebooks)} could not be read: {why}")


def find(notebooks: Sequence[tuple[str, str]], outlines: Sequence[Outline]) -> ParseResult:
    """The answers in notebooks given as name and text. Of two notebooks with one koan the later counts."""
    found: dict[str, NotebookAnswer] = {}
    notes: list[str] = []
    problems: list[str] = []
    several = len(notebooks) > 1
    for name, text in notebooks:
        try:
            notebook = notebook_file.read(text.encode(), name)
        except KoansError as error:
            problems.append(str(error))
            continue
        own = [o for o in outlines if o.koan.startswith(f"{notebook.chapter}/")] or outlines
        given, left = answers.answers(notebook.cells, own)
        said = [*map(str, left), *(line for answer in given for line in _notes(answer))]
        if not given:
            said.append("no cell defines a function of these koans")
        notes += [f"{name}: {line}" if several else line for line in said]
        for answer in given:
            before = found.get(answer.koan)
            if before is None or answer.started or not before.started:
                if before is not None and before.started and before.text != answer.text:
                    notes.append(f"{answer.koan}: answered in two notebooks; that of {name} counts")
                found[answer.koan] = answer
    if problems and len(problems) == len(notebooks):
        return ParseResult(problem="; ".join(problems))
    notes = [*problems, *notes]
    if len(notes) > NOTES:
        notes = [*notes[:NOTES], f"and {len(notes) - NOTES} more like these"]
    return ParseResult({koan: answer.text for koan, answer in found.items()}, tuple(notes))


def _notes(answer: NotebookAnswer) -> Iterable[str]:
    if answer.error:
        yield f"{answer.koan}: {answer.error}"
    if answer.others:
        yield f"{answer.koan}: {', '.join(answer.others)} defines it differently; {', '.join(answer.cells)} counts"


def main() -> None:
    asked = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=ParseRequest)
    if sys.platform == "linux":
        from grader.judge.sandbox.confine import confine

        confine(2, Path(asked.scratch), Path(asked.root), MEMORY, SECONDS)
    sys.stdout.buffer.write(msgspec.msgpack.encode(find(asked.notebooks, asked.outlines)))


if __name__ == "__main__":
    main()
