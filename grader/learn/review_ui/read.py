"""`koans read`: asks a chapter's questions before and after its text."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from rich.text import Text

from grader.book import terminal
from grader.book.workbook import Chapter, Workbook
from grader.learn.progress import Progress
from grader.learn.questions import reading as state
from grader.learn.questions.reading import Reading
from grader.learn.recall import Answer
from grader.learn.report import questions as report
from grader.learn.review_ui.screens import Screens, warning


def read(
    workbook: Workbook,
    progress: Progress,
    chapter: Chapter,
    screens: Screens,
    clock: Callable[[], float] = time.time,
) -> Reading:
    """Ask for predictions, show the text, compare, and ask what the learner remembers.

    Each answer is written to the log as soon as it is given.
    """
    reading = state.begin(
        workbook.questions_of(chapter), {answer.question: answer.answer for answer in progress.recall.answers()}
    )
    trouble = ""
    while reading.phase != "ended":
        given: str | None
        if reading.phase == "text":
            screens.read(terminal.markdown(workbook.text_for_terminal(chapter)))
            given = "" if _questions_left(reading) else None
        else:
            screens.show(report.reading(reading), *warning(trouble), ask=report.KEYS[reading.phase])
            is_text = reading.phase in ("predict", "recall")
            given = screens.keyboard.line("> ") if is_text else (screens.keyboard.key() or None)
        reading, answer = state.step(reading, given)
        if answer is not None:
            kept = Answer(answer.question, clock(), answer.answer, rating=answer.rating)
            trouble = screens.unrecorded(partial(progress.recall.answer, kept))
    if reading.ratings and screens.live:
        screens.show(Text(report.rated(reading)), *warning(trouble))
    return reading


def _questions_left(reading: Reading) -> bool:
    return bool(reading.predict or reading.retrieve)
