"""`koans read`: the loop around reading a chapter."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.text import Text

from grader.book import terminal
from grader.book.workbook import Chapter, Workbook
from grader.learn.progress import Progress
from grader.learn.questions import reading as state
from grader.learn.questions.reading import Reading
from grader.learn.recall import Answer
from grader.learn.report import questions as screens
from grader.learn.review_ui.screens import Screens


def read(
    workbook: Workbook,
    progress: Progress,
    chapter: Chapter,
    table: Screens,
    clock: Callable[[], float] = time.time,
) -> Reading:
    """Ask the prediction, show the text, compare, ask what it left behind. Every answer is kept as it is given."""
    reading = state.begin(
        workbook.questions_of(chapter), {answer.question: answer.answer for answer in progress.recall.answers()}
    )
    while reading.phase != "ended":
        said: str | None
        if reading.phase == "text":
            table.read(terminal.markdown(workbook.text_for_terminal(chapter)))
            said = "" if _questions_left(reading) else None
        else:
            table.show(screens.reading(reading), ask=screens.KEYS[reading.phase])
            line = reading.phase in ("predict", "recall")
            said = table.keyboard.line("> ") if line else (table.keyboard.key() or None)
        reading, given = state.step(reading, said)
        if given is not None:
            progress.recall.answer(Answer(given.question, clock(), given.answer, rating=given.rating))
    if reading.ratings and table.live:
        table.show(Text(screens.rated(reading)))
    return reading


def _questions_left(reading: Reading) -> bool:
    return bool(reading.predict or reading.retrieve)
