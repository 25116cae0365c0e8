"""`koans quiz`: asks questions and records the answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from grader.book.workbook import Question
from grader.learn.progress import Progress
from grader.learn.questions import quiz as state
from grader.learn.questions.quiz import Quiz
from grader.learn.recall import Answer
from grader.learn.report import questions as report
from grader.learn.review_ui.screens import Screens, warning


def ask(
    progress: Progress,
    questions: Sequence[Question],
    seed: int,
    screens: Screens,
    clock: Callable[[], float] = time.time,
) -> Quiz:
    """Ask these questions. Each answer is written to the log as soon as it is given."""
    quiz, trouble = state.begin(questions, seed), ""
    while not quiz.ended:
        answered = quiz.chosen is not None
        keys = "any key continues" if answered else f"a to {state.LETTERS[len(quiz.options) - 1]} answer"
        # Without a terminal, each line is an answer: no line goes on to the next question.
        goes_on = answered and not screens.live
        screens.show(report.quiz_question(quiz), *warning(trouble), ask="" if goes_on else f"{keys} · q quits")
        key = "enter" if goes_on else screens.keyboard.key()
        quiz, result = state.step(quiz, key or "")
        if result is not None:
            text = result.question.options[result.option].text
            answer = Answer(result.question.id, clock(), text, correct=result.correct)
            trouble = screens.unrecorded(partial(progress.recall.answer, answer))
    return quiz
