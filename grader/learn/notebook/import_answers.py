"""Answers from a notebook back into `exercises/`: by function name, and nothing is lost that was there."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from grader.book.errors import KoansError, reading, writing
from grader.book.notebook_parser import answers, notebook_file
from grader.book.notebook_parser.answers import NotebookAnswer, without_header
from grader.book.stubs import stub_of
from grader.book.workbook import Koan, Workbook
from grader.learn.attempts import exercise_text
from grader.learn.progress import Progress

What = Literal["written", "the same", "not started", "defined differently", "does not parse"]


class ImportedAnswer(msgspec.Struct, frozen=True):
    """What became of one koan's answer. `cells` is where it stands; `others`, where there is another that differs;
    `kept` is the copy of what it replaced, `error` why a cell does not parse.
    """

    koan: str
    what: What
    cells: tuple[str, ...]
    others: tuple[str, ...] = ()
    kept: str = ""
    error: str = ""


class ImportedAnswers(msgspec.Struct, frozen=True):
    """What a notebook held, in walking order, and the lines that were left out."""

    notebook: str
    chapter: str
    brought: tuple[ImportedAnswer, ...]
    left: tuple[str, ...]

    @property
    def written(self) -> tuple[str, ...]:
        """The koans whose answers were written."""
        return tuple(b.koan for b in self.brought if b.what == "written")

    @property
    def open(self) -> tuple[ImportedAnswer, ...]:
        """What the learner has to decide."""
        return tuple(b for b in self.brought if b.what in ("defined differently", "does not parse"))


def import_answers(
    workbook: Workbook, progress: Progress, path: Path, *, chapter: str = "", write: bool = True
) -> ImportedAnswers:
    """Write what the notebook has into `exercises/`; with `write` false, only say what would be written.

    Raises KoansError for what is no notebook of this workbook. `chapter` says which one it is for, where it does not.
    """
    notebook = notebook_file.read(_data(path), str(path))
    if not chapter and not notebook.chapter:
        raise KoansError(f"{path} does not say which chapter it is of: --chapter ch06 does")
    chosen = workbook.chapter(chapter or notebook.chapter)
    found, left = answers.answers(notebook.cells, answers.outlines(workbook, chosen.id))
    brought = [_one(workbook, progress, workbook.koans[answer.koan], answer, write) for answer in found]
    return ImportedAnswers(str(path), chosen.id, tuple(brought), tuple(map(str, left)))


def _data(path: Path) -> bytes:
    with reading(path), path.open("rb") as stream:
        return stream.read(notebook_file.LARGEST + 1)


def _one(workbook: Workbook, progress: Progress, koan: Koan, answer: NotebookAnswer, write: bool) -> ImportedAnswer:
    if answer.error:
        return ImportedAnswer(koan.id, "does not parse", answer.cells, error=answer.error)
    if not answer.started:
        return ImportedAnswer(koan.id, "not started", answer.cells)
    if answer.others:
        return ImportedAnswer(koan.id, "defined differently", answer.cells, answer.others)
    target = workbook.exercise(koan)
    before = exercise_text(workbook, koan)
    if without_header(before) == without_header(answer.text):
        return ImportedAnswer(koan.id, "the same", answer.cells)
    kept = ""
    if write:
        if before and before != stub_of(workbook, koan):
            kept = str(progress.keep_copy(koan, before).relative_to(workbook.root))
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(answer.text, encoding="utf-8")
    return ImportedAnswer(koan.id, "written", answer.cells, kept=kept)
