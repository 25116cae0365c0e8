"""Reading a chapter: its prediction first, its text, the comparison, then what it should have left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from grader.book.workbook import Question

RATES = {1: "missed it", 2: "half of it", 3: "most of it", 4: "all of it"}


class Given(msgspec.Struct, frozen=True):
    """An answer to be kept; `rating` where the learner judged it."""

    question: str
    answer: str
    rating: int | None = None


class Reading(msgspec.Struct, frozen=True):
    """`phase` says what is on the screen and what it waits for: predict and recall a line, text and compare any key,
    rate a key from 1 to 4. `answers` are those given before (to predictions) and in this sitting, by question.
    """

    predict: tuple[Question, ...]
    retrieve: tuple[Question, ...]
    phase: Literal["predict", "text", "compare", "recall", "rate", "ended"]
    place: int = 0
    answers: Mapping[str, str] = {}
    ratings: Mapping[str, int] = {}

    @property
    def question(self) -> Question:
        return (self.predict if self.phase in ("predict", "compare") else self.retrieve)[self.place]


def begin(questions: Sequence[Question], kept: Mapping[str, str]) -> Reading:
    """A reading with these questions. A prediction that was made before (`kept`) is not asked again: it is compared."""
    predict = tuple(q for q in questions if q.ask == "predict")
    retrieve = tuple(q for q in questions if q.ask == "retrieve")
    answers = {q.id: kept[q.id] for q in predict if q.id in kept}
    return _settle(Reading(predict, retrieve, "predict", 0, answers))


def step(reading: Reading, said: str | None) -> tuple[Reading, Given | None]:
    """What a line or a key does. None, the end of input, ends, as does q; an empty line is no answer."""
    if said is None or said == "q":
        return msgspec.structs.replace(reading, phase="ended"), None
    if reading.phase == "text":
        return _settle(msgspec.structs.replace(reading, phase="compare", place=0)), None
    question = reading.question
    if reading.phase == "rate":
        if said not in map(str, RATES):
            return reading, None
        given = Given(question.id, reading.answers.get(question.id, ""), int(said))
        rated = msgspec.structs.replace(reading, ratings={**reading.ratings, question.id: int(said)})
        return _on(rated), given
    if reading.phase == "compare":
        return _on(reading), None
    answered = msgspec.structs.replace(reading, answers={**reading.answers, question.id: said}) if said else reading
    if reading.phase == "recall":
        return msgspec.structs.replace(answered, phase="rate"), None
    return _on(answered), Given(question.id, said) if said else None


def _on(reading: Reading) -> Reading:
    phase = "recall" if reading.phase == "rate" else reading.phase
    return _settle(msgspec.structs.replace(reading, phase=phase, place=reading.place + 1))


def _settle(reading: Reading) -> Reading:
    """Past the end of a phase the next begins."""
    place = reading.place
    if reading.phase == "predict":
        while place < len(reading.predict) and reading.predict[place].id in reading.answers:
            place += 1
        if place < len(reading.predict):
            return msgspec.structs.replace(reading, place=place)
        return msgspec.structs.replace(reading, phase="text", place=0)
    if reading.phase == "compare" and place == len(reading.predict):
        return _settle(msgspec.structs.replace(reading, phase="recall", place=0))
    if reading.phase == "recall" and place == len(reading.retrieve):
        return msgspec.structs.replace(reading, phase="ended")
    return reading
