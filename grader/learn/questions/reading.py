"""The state of reading a chapter: predictions, the text, their comparison, then recall of what the text said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from grader.book.workbook import Question

RECALL_RATINGS = {1: "missed it", 2: "half of it", 3: "most of it", 4: "all of it"}


class NewAnswer(msgspec.Struct, frozen=True):
    """An answer for the log. `rating` is the learner's own rating of a recall, a key of RECALL_RATINGS."""

    question: str
    answer: str
    rating: int | None = None


class Reading(msgspec.Struct, frozen=True):
    """A chapter being read. `index` is the number of the question within the phase.

    The phases predict and recall wait for a line, text and compare for any key, rate for a key from 1 to 4. `answers`,
    by question id, holds earlier predictions and the answers of this session; `ratings` the ratings of this session.
    """

    predict: tuple[Question, ...]
    retrieve: tuple[Question, ...]
    phase: Literal["predict", "text", "compare", "recall", "rate", "ended"]
    index: int = 0
    answers: Mapping[str, str] = {}
    ratings: Mapping[str, int] = {}

    @property
    def question(self) -> Question:
        return (self.predict if self.phase in ("predict", "compare") else self.retrieve)[self.index]


def begin(questions: Sequence[Question], predicted: Mapping[str, str]) -> Reading:
    """The start of a reading. `predicted` holds earlier predictions by question id; they are compared, not asked."""
    predict = tuple(q for q in questions if q.ask == "predict")
    retrieve = tuple(q for q in questions if q.ask == "retrieve")
    answers = {q.id: predicted[q.id] for q in predict if q.id in predicted}
    return _next_phase(Reading(predict, retrieve, "predict", 0, answers))


def step(reading: Reading, entry: str | None) -> tuple[Reading, NewAnswer | None]:
    """The reading after this line or key, and the answer to log, if it gave one.

    q or None (the end of input) ends the reading. An empty line is no answer.
    """
    if entry is None or entry == "q":
        return msgspec.structs.replace(reading, phase="ended"), None
    if reading.phase == "text":
        return _next_phase(msgspec.structs.replace(reading, phase="compare", index=0)), None
    question = reading.question
    if reading.phase == "rate":
        if entry not in map(str, RECALL_RATINGS):
            return reading, None
        answer = NewAnswer(question.id, reading.answers.get(question.id, ""), int(entry))
        rated = msgspec.structs.replace(reading, ratings={**reading.ratings, question.id: int(entry)})
        return _next_question(rated), answer
    if reading.phase == "compare":
        return _next_question(reading), None
    answered = msgspec.structs.replace(reading, answers={**reading.answers, question.id: entry}) if entry else reading
    if reading.phase == "recall":
        return msgspec.structs.replace(answered, phase="rate"), None
    return _next_question(answered), NewAnswer(question.id, entry) if entry else None


def _next_question(reading: Reading) -> Reading:
    phase = "recall" if reading.phase == "rate" else reading.phase
    return _next_phase(msgspec.structs.replace(reading, phase=phase, index=reading.index + 1))


def _next_phase(reading: Reading) -> Reading:
    """Go on to the next phase if this one has no question left, and skip predictions that have an answer."""
    index = reading.index
    if reading.phase == "predict":
        while index < len(reading.predict) and reading.predict[index].id in reading.answers:
            index += 1
        if index < len(reading.predict):
            return msgspec.structs.replace(reading, index=index)
        return msgspec.structs.replace(reading, phase="text", index=0)
    if reading.phase == "compare" and index == len(reading.predict):
        return _next_phase(msgspec.structs.replace(reading, phase="recall", index=0))
    if reading.phase == "recall" and index == len(reading.retrieve):
        return msgspec.structs.replace(reading, phase="ended")
    return reading
