"""Imports answers from a notebook into `exercises/`, by function name. What they replace is kept as a copy."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from grader.book.errors import KoansError, reading
from grader.book.files import write_files
from grader.book.notebook_parser import answers, notebook_file
from grader.book.notebook_parser.answers import NotebookAnswer, without_header
from grader.book.source_text import encode
from grader.book.stubs import stub_of
from grader.book.workbook import Koan, Workbook
from grader.learn.attempts import exercise_text
from grader.learn.progress import Progress

Outcome = Literal["written", "the same", "not started", "defined differently", "does not parse"]


class ImportedAnswer(msgspec.Struct, frozen=True):
    """The outcome for one koan. `cells` are the labels of the cells that its answer comes from.

    `others` are the cells that define it differently. `copy` is the path of the copy of what the answer replaced.
    `error` says why a cell does not parse. `notes` are sentences on what the answer lacks.
    """

    koan: str
    outcome: Outcome = msgspec.field(name="what")
    cells: tuple[str, ...]
    others: tuple[str, ...] = ()
    copy: str = msgspec.field(default="", name="kept")
    error: str = ""
    notes: tuple[str, ...] = ()


class ImportedAnswers(msgspec.Struct, frozen=True):
    """The outcomes for the koans of a notebook, in the order of the workbook, and the lines that were skipped."""

    notebook: str
    chapter: str
    answers: tuple[ImportedAnswer, ...] = msgspec.field(name="brought")
    skipped: tuple[str, ...] = msgspec.field(name="left")

    @property
    def written(self) -> tuple[str, ...]:
        """The koans whose answers were written."""
        return tuple(answer.koan for answer in self.answers if answer.outcome == "written")

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
        raise KoansError(f"{path} does not say which chapter it is of: --chapter ch06 does")
    chapter_read = workbook.chapter(chapter or notebook.chapter)
    found, skipped = answers.answers(notebook.cells, answers.outlines(workbook, chapter_read.id))
    imported = [_compared(workbook, workbook.koans[answer.koan], answer) for answer in found]
    if write:
        new = [workbook.koans[one.koan] for one in imported if one.outcome == "written"]
        copies = {koan.id: _copy(workbook, progress, koan) for koan in new}
        texts = {answer.koan: answer.text for answer in found}
        write_files({(file := workbook.exercise(koan)): encode(texts[koan.id], _bytes(file)) for koan in new})
        imported = [msgspec.structs.replace(one, copy=copies.get(one.koan, "")) for one in imported]
    return ImportedAnswers(str(path), chapter_read.id, tuple(imported), tuple(map(str, skipped)))


def _bytes(file: Path) -> bytes:
    """What is in the file. Empty without one."""
    with reading(file):
        return file.read_bytes() if file.exists() else b""


def _contents(path: Path) -> bytes:
    with reading(path), path.open("rb") as stream:
        return stream.read(notebook_file.LARGEST + 1)


def _compared(workbook: Workbook, koan: Koan, answer: NotebookAnswer) -> ImportedAnswer:
    """What comes of one answer: it is written, unless it needs a decision of the learner or changes nothing."""
    if answer.error:
        return ImportedAnswer(koan.id, "does not parse", answer.cells, error=answer.error)
    if not answer.started:
        return ImportedAnswer(koan.id, "not started", answer.cells)
    if answer.others:
        return ImportedAnswer(koan.id, "defined differently", answer.cells, answer.others)
    if without_header(exercise_text(workbook, koan)) == without_header(answer.text):
        return ImportedAnswer(koan.id, "the same", answer.cells, notes=answer.notes)
    return ImportedAnswer(koan.id, "written", answer.cells, notes=answer.notes)


def _copy(workbook: Workbook, progress: Progress, koan: Koan) -> str:
    """Keep a copy of the exercise. Returns its path; empty if the exercise is missing or still its stub."""
    file = workbook.exercise(koan)
    if not file.exists():
        return ""
    with reading(file):
        before = file.read_bytes()
    if not before or before == stub_of(workbook, koan).encode():
        return ""
    return str(progress.keep_copy(koan, before).relative_to(workbook.root))
