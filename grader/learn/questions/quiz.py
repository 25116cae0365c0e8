"""The state of a quiz: which questions it has, and how a key changes it. No clock, no files, no terminal."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from grader.book.errors import KoansError
from grader.book.workbook import Chapter, Option, Question, Workbook
from grader.learn.recall import Answer

LETTERS = "abcdefgh"


class Result(msgspec.Struct, frozen=True):
    """An answer. `option` is the index of the chosen option, in the order of the question's file."""

    question: Question
    option: int

    @property
    def correct(self) -> bool:
        return self.question.options[self.option].correct


class Quiz(msgspec.Struct, frozen=True):
    """A quiz in progress. `index` is the number of the question on the screen.

    `orders` has for each question the indices of its options in the order on the screen. `chosen` is the position on
    the screen of the option that was chosen; while it is None, the question is still open.
    """

    questions: tuple[Question, ...]
    orders: tuple[tuple[int, ...], ...]
    index: int = 0
    chosen: int | None = None
    results: tuple[Result, ...] = ()
    ended: bool = False

    @property
    def question(self) -> Question:
        return self.questions[self.index]

    @property
    def options(self) -> list[Option]:
        """The options of the question, in the order on the screen."""
        return [self.question.options[number] for number in self.orders[self.index]]

    @property
    def correct_count(self) -> int:
        """The number of correct answers."""
        return sum(result.correct for result in self.results)

    @property
    def missed(self) -> list[Question]:
        """The questions that were answered wrong."""
        return [result.question for result in self.results if not result.correct]


def pick(
    workbook: Workbook, chapter: Chapter | None, answers: Sequence[Answer], limit: int, seed: int
) -> list[Question]:
    """The questions for a quiz on a chapter, or on all chapters. Raises KoansError if there are none."""
    questions = workbook.questions_of(chapter) if chapter else list(workbook.questions.values())
    picked = choose(questions, answers, limit, seed)
    if not picked:
        raise KoansError(f"{chapter.id if chapter else None} has no quiz questions")
    return picked


def choose(questions: Sequence[Question], answers: Sequence[Answer], limit: int, seed: int) -> list[Question]:
    """At most `limit` quiz questions: first those missed last time, then those never asked, then the others.

    `seed` sets the order within each of the three groups.
    """
    last = {answer.question: answer for answer in answers}
    quiz = [question for question in questions if question.ask == "quiz"]
    random.Random(seed).shuffle(quiz)
    return sorted(quiz, key=lambda q: (0 if last[q.id].missed else 2) if q.id in last else 1)[:limit]


def begin(questions: Sequence[Question], seed: int) -> Quiz:
    """A quiz on these questions, with their options shuffled by `seed`."""
    orders = []
    for question in questions:
        order = list(range(len(question.options)))
        random.Random(f"{seed} {question.id}").shuffle(order)
        orders.append(tuple(order))
    return Quiz(tuple(questions), tuple(orders), ended=not questions)


def step(quiz: Quiz, key: str) -> tuple[Quiz, Result | None]:
    """The quiz after this key, and the result if the key answered the question.

    A letter or a number answers; after that any key continues. q or the end of input (an empty key) ends the quiz.
    """
    if key in ("q", ""):
        return msgspec.structs.replace(quiz, ended=True), None
    if quiz.chosen is not None:
        index = quiz.index + 1
        if index == len(quiz.questions):
            return msgspec.structs.replace(quiz, ended=True), None
        return msgspec.structs.replace(quiz, index=index, chosen=None), None
    count = len(quiz.options)
    keys = [*LETTERS[:count], *(str(number + 1) for number in range(count))]
    if key not in keys:
        return quiz, None
    chosen = keys.index(key) % count
    result = Result(quiz.question, quiz.orders[quiz.index][chosen])
    return msgspec.structs.replace(quiz, chosen=chosen, results=(*quiz.results, result)), result
