"""Parses a stranger's notebooks in a sandboxed process. Parsing runs none of their code, but parsers have bugs.

`python -m grader.course.intake.sandboxed_parse` is that process. It reads a ParseRequest from standard input and writes
a ParseResult to standard output.
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
from grader.judge.sandbox.confine import confine
from grader.judge.sandbox.service import ENVIRONMENT

MEMORY = 1 << 30  # bytes that the process may allocate after it is confined
SECONDS = 20  # of CPU time for the process; twice that by the clock
MOST_NOTES = 20  # for one submission


class ParseRequest(msgspec.Struct, frozen=True):
    """Notebooks as pairs of name and text, the koans to look for, and the workbook, which the process must not read.

    `scratch` is the only folder that the process may write to.
    """

    root: str
    scratch: str
    outlines: tuple[Outline, ...]
    notebooks: tuple[tuple[str, str], ...]


class ParseResult(msgspec.Struct, frozen=True):
    """The text of each koan that the notebooks answer, and notes for the instructor.

    `problem` says why no notebook could be read, and is empty otherwise.
    """

    texts: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    problem: str = ""


def read(root: Path, paths: Sequence[Path], outlines: Sequence[Outline]) -> ParseResult:
    """The answers in these notebooks of one submission, found by a sandboxed process. `root` is the workbook."""
    notebooks: list[tuple[str, str]] = []
    for path in paths:
        try:
            notebooks.append((path.name, submission.read(path.parent, path.name, largest=notebook_file.LARGEST)))
        except (submission.Unreadable, OSError) as error:
            return ParseResult(problem=str(error))
    with tempfile.TemporaryDirectory(prefix="koans-notebooks-") as scratch:
        request = ParseRequest(str(root), scratch, tuple(outlines), tuple(notebooks))
        variables = {k: os.environ[k] for k in ENVIRONMENT if k in os.environ}
        try:
            done = subprocess.run(
                [sys.executable, *module(__package__, "sandboxed_parse")],
                env=environment(root, variables),
                cwd=root,
                input=msgspec.msgpack.encode(request),
                capture_output=True,
                timeout=2 * SECONDS,
            )
            return msgspec.msgpack.decode(done.stdout, type=ParseResult)
        except subprocess.TimeoutExpired:
            reason = f"not within {2 * SECONDS} s"
        except msgspec.MsgspecError:  # the process was killed by a limit or crashed, so its output is cut off
            reason = f"the process that read it ended with {done.returncode}"
    return ParseResult(problem=f"{', '.join(name for name, _ in notebooks)} could not be read: {reason}")


def find_answers(notebooks: Sequence[tuple[str, str]], outlines: Sequence[Outline]) -> ParseResult:
    """The answers in notebooks given as pairs of name and text. If two notebooks answer one koan, the later counts."""
    chosen: dict[str, NotebookAnswer] = {}
    notes: list[str] = []
    problems: list[str] = []
    for name, text in notebooks:
        try:
            found, lines = _answers_in(name, text, outlines)
        except KoansError as error:
            problems.append(str(error))
            continue
        notes += [f"{name}: {line}" if len(notebooks) > 1 else line for line in lines]
        for answer in found:
            earlier = chosen.get(answer.koan)
            if earlier is None or answer.started or not earlier.started:
                if earlier is not None and earlier.started and earlier.text != answer.text:
                    notes.append(f"{answer.koan}: answered in two notebooks; that of {name} counts")
                chosen[answer.koan] = answer
    if problems and len(problems) == len(notebooks):
        return ParseResult(problem="; ".join(problems))
    notes = [*problems, *notes]
    if len(notes) > MOST_NOTES:
        notes = [*notes[:MOST_NOTES], f"and {len(notes) - MOST_NOTES} more like these"]
    return ParseResult({koan: answer.text for koan, answer in chosen.items()}, tuple(notes))


def _answers_in(name: str, text: str, outlines: Sequence[Outline]) -> tuple[list[NotebookAnswer], list[str]]:
    """The answers in one notebook, and notes about it. Raises KoansError if it cannot be read."""
    notebook = notebook_file.read(text.encode(), name)
    of_chapter = [o for o in outlines if o.koan.startswith(f"{notebook.chapter}/")]
    found, left_out = answers.answers(notebook.cells, of_chapter or outlines)
    notes = [*map(str, left_out), *(line for answer in found for line in _notes(answer))]
    if not found:
        notes.append("no cell defines a function of these koans")
    return found, notes


def _notes(answer: NotebookAnswer) -> Iterable[str]:
    if answer.error:
        yield f"{answer.koan}: {answer.error}"
    if answer.others:
        yield f"{answer.koan}: {', '.join(answer.others)} defines it differently; {', '.join(answer.cells)} counts"


def main() -> None:
    """Answer one request, after giving up the right to reach anything else."""
    request = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=ParseRequest)
    if sys.platform == "linux":
        confine(2, Path(request.scratch), Path(request.root), MEMORY, SECONDS)
    sys.stdout.buffer.write(msgspec.msgpack.encode(find_answers(request.notebooks, request.outlines)))


if __name__ == "__main__":
    main()
