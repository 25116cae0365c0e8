"""A quiz: what is asked, and how an answer changes it. No clock, no files, no terminal."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from grader.book.errors import KoansError
from grader.book.workbook import Chapter, Option, Question, Workbook
from grader.learn.recall import Answer

LETTERS = "abcdefgh"


class Result(msgspec.Struct, frozen=True):
    """What was chosen: the option's number as the question's file has it."""

    question: Question
    option: int

    @property
    def correct(self) -> bool:
        return self.question.options[self.option].correct


class Quiz(msgspec.Struct, frozen=True):
    """`orders` has for each question the numbers of its options as they are shown. `chosen` is the place of the answer
    to the question on the screen; with it the reasons are shown.
    """

    questions: tuple[Question, ...]
    orders: tuple[tuple[int, ...], ...]
    place: int = 0
    chosen: int | None = None
    results: tuple[Result, ...] = ()
    ended: bool = False

    @property
    def question(self) -> Question:
        return self.questions[self.place]

    @property
    def options(self) -> list[Option]:
        """As they are shown."""
        return [self.question.options[number] for number in self.orders[self.place]]

    @property
    def right(self) -> int:
        return sum(result.correct for result in self.results)

    @property
    def missed(self) -> list[Question]:
        return [result.question for result in self.results if not result.correct]


def pick(
    workbook: Workbook, chapter: Chapter | None, answers: Sequence[Answer], limit: int, seed: int
) -> list[Question]:
    """The questions of a quiz on a chapter, or on all. Raises KoansError if there are none."""
    questions = workbook.questions_of(chapter) if chapter else list(workbook.questions.values())
    picked = choose(questions, answers, limit, seed)
    if not picked:
        raise KoansError(f"{chapter.id if chapter else None} has no quiz questions")
    return picked


def choose(questions: Sequence[Question], answers: Sequence[Answer], limit: int, seed: int) -> list[Question]:
    """At most `limit` quiz questions: those missed last time, those never asked, then the others; each in an order of
    its own by `seed`.
    """
    last = {answer.question: answer for answer in answers}
    quiz = [question for question in questions if question.ask == "quiz"]
    random.Random(seed).shuffle(quiz)
    return sorted(quiz, key=lambda q: (0 if last[q.id].missed else 2) if q.id in last else 1)[:limit]


def begin(questions: Sequence[Question], seed: int) -> Quiz:
    """A quiz on these questions, with their options shuffled."""
    orders = []
    for question in questions:
        order = list(range(len(question.options)))
        random.Random(f"{seed} {question.id}").shuffle(order)
        orders.append(tuple(order))
    return Quiz(tuple(questions), tuple(orders), ended=not questions)


def step(quiz: Quiz, key: str) -> tuple[Quiz, Result | None]:
    """What a key does: a letter or a number answers, then any goes on; q or the end of input ends."""
    if key in ("q", ""):
        return msgspec.structs.replace(quiz, ended=True), None
    if quiz.chosen is not None:
        place = quiz.place + 1
        if place == len(quiz.questions):
            return msgspec.structs.replace(quiz, ended=True), None
        return msgspec.structs.replace(quiz, place=place, chosen=None), None
    places = len(quiz.options)
    keys = [*LETTERS[:places], *(str(number + 1) for number in range(places))]
    if key not in keys:
        return quiz, None
    chosen = keys.index(key) % places
    result = Result(quiz.question, quiz.orders[quiz.place][chosen])
    return msgspec.structs.replace(quiz, chosen=chosen, results=(*quiz.results, result)), result
