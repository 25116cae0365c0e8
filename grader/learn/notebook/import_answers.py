"""Imports answers from a notebook into `exercises/`, by function name. What they replace is kept as a copy."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import msgspec

from grader.book.errors import KoansError, reading
from grader.book.files import write_files
from grader.book.notebook_parser import answers, notebook_file
from grader.book.notebook_parser.answers import NotebookAnswer, Outline, without_header
from grader.book.notebook_parser.statements import Cell, read
from grader.book.source_text import encode
from grader.book.stubs import stub_of
from grader.book.verdict import Status
from grader.book.workbook import Koan, Workbook
from grader.learn.attempts import exercise_text
from grader.learn.progress import Progress, content_key

Outcome = Literal["written", "the same", "not started", "defined differently", "does not parse"]


class ImportedAnswer(msgspec.Struct, frozen=True):
    """The outcome for one koan. `cells` are the labels of the cells that its answer comes from.

    `others` are the cells that define it differently. `copy` is the path of the copy of what the answer replaced.
    `error` says why a cell does not parse. `notes` are sentences on what the answer lacks. `to_run`: the text that
    `exercises/` has now has no verdict. `replaced_passed`: what the answer replaced had passed.
    """

    koan: str
    outcome: Outcome = msgspec.field(name="what")
    cells: tuple[str, ...]
    others: tuple[str, ...] = ()
    copy: str = msgspec.field(default="", name="kept")
    error: str = ""
    notes: tuple[str, ...] = ()
    to_run: bool = False
    replaced_passed: bool = False


class MissingAnswer(msgspec.Struct, frozen=True):
    """A koan of the chapter that no cell answers, and its functions.

    `similar` is a function of nearly the same name, and `cell` the cell that defines it. Both may be empty.
    """

    koan: str
    functions: tuple[str, ...]
    similar: str = ""
    cell: str = ""


class ImportedAnswers(msgspec.Struct, frozen=True):
    """The outcomes for the koans of a notebook, in the order of the workbook, and the lines that were skipped."""

    notebook: str
    chapter: str
    answers: tuple[ImportedAnswer, ...] = msgspec.field(name="brought")
    skipped: tuple[str, ...] = msgspec.field(name="left")
    missing: tuple[MissingAnswer, ...] = ()

    @property
    def to_run(self) -> tuple[ImportedAnswer, ...]:
        """The answers that were written, and those that were there already and have no verdict."""
        return tuple(answer for answer in self.answers if answer.to_run)

    @property
    def open(self) -> tuple[ImportedAnswer, ...]:
        """The answers that need a decision of the learner."""
        return tuple(answer for answer in self.answers if answer.outcome in ("defined differently", "does not parse"))


def import_answers(
    workbook: Workbook, progress: Progress, path: Path, *, chapter: str = "", write: bool = True
) -> ImportedAnswers:
    """Write all answers of the notebook into `exercises/`, or none. Without `write`, only report what would be written.

    `chapter` names the chapter of a notebook that does not name it itself. Raises KoansError if the file is no notebook
    of this workbook, or if a file cannot be read or written.
    """
    notebook = notebook_file.read(_contents(path), str(path))
    if not chapter and not notebook.chapter:
        raise KoansError(f"{path} does not name its chapter: {_chapter_advice(workbook, notebook.cells)}")
    chapter_read = workbook.chapter(chapter or notebook.chapter)
    outlines = answers.outlines(workbook, chapter_read.id)
    found, skipped = answers.answers(notebook.cells, outlines)
    imported = [_compared(workbook, progress, workbook.koans[answer.koan], answer) for answer in found]
    missing = _missing([one for one in outlines if one.koan not in {a.koan for a in found}], notebook.cells)
    if write:
        new = [workbook.koans[one.koan] for one in imported if one.outcome == "written"]
        copies = {koan.id: _copy(workbook, progress, koan) for koan in new}
        texts = {answer.koan: answer.text for answer in found}
        write_files({(file := workbook.exercise(koan)): encode(texts[koan.id], _bytes(file)) for koan in new})
        imported = [
            msgspec.structs.replace(one, copy=copies.get(one.koan, ""), to_run=_to_run(workbook, progress, one))
            for one in imported
        ]
    return ImportedAnswers(str(path), chapter_read.id, tuple(imported), tuple(map(str, skipped)), missing)


def _chapter_advice(workbook: Workbook, cells: Sequence[Cell]) -> str:
    """Which chapter to name: the only one whose functions the cells define, if there is one."""
    defined = {name for cell in cells for name in answers.DEF.findall(cell.text)}
    chapters = {one.koan.partition("/")[0] for one in answers.outlines(workbook) if defined & set(one.to_write)}
    if len(chapters) == 1:
        return f"its functions belong to one chapter, so add --chapter {chapters.pop()}"
    return "add --chapter CHAPTER (`koans list` shows them)"


def _missing(outlines: Sequence[Outline], cells: Sequence[Cell]) -> tuple[MissingAnswer, ...]:
    """What no cell answers, with functions of the cells that may be misspelled."""
    defined = {name: c.label for c in cells for s in read(c).statements if s.kind == "function" for name in s.binds}
    missing = []
    for one in outlines:
        similar = next((m for name in one.to_write for m in get_close_matches(name, defined, 1, 0.8)), "")
        missing.append(MissingAnswer(one.koan, one.to_write, similar, defined.get(similar, "")))
    return tuple(missing)


def _bytes(file: Path) -> bytes:
    """What is in the file. Empty without one."""
    with reading(file):
        return file.read_bytes() if file.exists() else b""


def _contents(path: Path) -> bytes:
    with reading(path), path.open("rb") as stream:
        return stream.read(notebook_file.LARGEST + 1)


def _compared(workbook: Workbook, progress: Progress, koan: Koan, answer: NotebookAnswer) -> ImportedAnswer:
    """What comes of one answer: it is written, unless it needs a decision of the learner or changes nothing."""
    if answer.error:
        return ImportedAnswer(koan.id, "does not parse", answer.cells, error=answer.error)
    if not answer.started:
        return ImportedAnswer(koan.id, "not started", answer.cells)
    if answer.others:
        return ImportedAnswer(koan.id, "defined differently", answer.cells, answer.others)
    before = exercise_text(workbook, koan)
    if without_header(before) == without_header(answer.text):
        return ImportedAnswer(koan.id, "the same", answer.cells, notes=answer.notes)
    passed = progress.last_status(koan, content_key(workbook, koan, before)) == Status.passed
    return ImportedAnswer(koan.id, "written", answer.cells, notes=answer.notes, replaced_passed=passed)


def _to_run(workbook: Workbook, progress: Progress, one: ImportedAnswer) -> bool:
    """Whether an answer was written, or was there already and has no verdict with what it imports now."""
    if one.outcome != "the same":
        return one.outcome == "written"
    koan = workbook.koans[one.koan]
    return progress.last_status(koan, content_key(workbook, koan, exercise_text(workbook, koan))) is None


def _copy(workbook: Workbook, progress: Progress, koan: Koan) -> str:
    """Keep a copy of the exercise. Returns its path; empty if the exercise is missing or still its stub."""
    file = workbook.exercise(koan)
    if not file.exists():
        return ""
    with reading(file):
        before = file.read_bytes()
    if not before or before == stub_of(workbook, koan).encode():
        return ""
    return progress.keep_copy(koan, before).relative_to(workbook.root).as_posix()
