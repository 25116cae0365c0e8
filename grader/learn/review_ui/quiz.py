"""`koans quiz`: the loop around a quiz."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from grader.book.workbook import Question
from grader.learn.progress import Progress
from grader.learn.questions import quiz as state
from grader.learn.questions.quiz import Quiz
from grader.learn.recall import Answer
from grader.learn.report import questions as screens
from grader.learn.review_ui.screens import Screens


def ask(
    progress: Progress, questions: Sequence[Question], seed: int, table: Screens, clock: Callable[[], float] = time.time
) -> Quiz:
    """Ask these questions. Every answer is in the log as soon as it is given."""
    quiz = state.begin(questions, seed)
    while not quiz.ended:
        answered = quiz.chosen is not None
        keys = "any key goes on" if answered else f"a to {state.LETTERS[len(quiz.options) - 1]} answer"
        table.show(screens.quiz_question(quiz), ask=f"{keys} · q ends")
        key = table.keyboard.key() if table.live or not answered else "enter"  # a line is an answer, and nothing else
        quiz, result = state.step(quiz, key or "")
        if result is not None:
            said = result.question.options[result.option].text
            progress.recall.answer(Answer(result.question.id, clock(), said, correct=result.correct))
    return quiz
