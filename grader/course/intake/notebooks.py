"""The answers in a learner's notebooks. Nothing in them is run. The process that calls this has confined itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from grader.book.errors import KoansError
from grader.book.notebook_parser import answers, notebook_file
from grader.book.notebook_parser.answers import NotebookAnswer, Outline
from grader.course.intake.shown import shown

MOST_NOTES = 20  # for one submission
LONGEST_NOTE = 400  # characters


class ParsedNotebooks(msgspec.Struct, frozen=True):
    """The text of each koan that the notebooks answer, and notes for the instructor.

    `problem` says why no notebook could be read, and is empty otherwise.
    """

    texts: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    problem: str = ""


def find_answers(notebooks: Sequence[tuple[str, str]], outlines: Sequence[Outline]) -> ParsedNotebooks:
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
                    notes.append(f"{answer.koan}: answered in two notebooks; the answer in {name} counts")
                chosen[answer.koan] = answer
    if problems and len(problems) == len(notebooks):
        return ParsedNotebooks(problem=shown("; ".join(problems), LONGEST_NOTE))
    notes = [*problems, *notes]
    if len(notes) > MOST_NOTES:
        notes = [*notes[:MOST_NOTES], f"and {len(notes) - MOST_NOTES} more like these"]
    notes = [shown(note, LONGEST_NOTE) for note in notes]
    return ParsedNotebooks({koan: answer.text for koan, answer in chosen.items()}, tuple(notes))


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
    for note in answer.notes:
        yield f"{answer.koan}: {note}"
    if answer.others:
        yield f"{answer.koan}: {', '.join(answer.others)} has another definition; {', '.join(answer.cells)} counts"
