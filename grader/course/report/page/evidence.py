"""What shows a mistake: the smallest input of a class, and two answers with it, without names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from grader.book.verdict import Verdict, looks_like
from grader.course.classroom import heads
from grader.course.grade import Class, Graded
from grader.course.lean import descriptions
from grader.course.report.common import is_left_out, length

EXAMPLES = 2
MOST_KINDS = 6  # different answers of a mistake that are remembered: the first ones
LINES = 24  # of the message


class Answer(NamedTuple):
    """What somebody wrote, how many wrote something like it, and whether it looks like this mistake only."""

    text: str
    times: int
    clear: bool


@dataclass
class Evidence:
    """What a class shows of one mistake. `message` has the smallest failing input.

    `rank` says how well it shows the mistake: whether a word of it is a word of somebody's name, whether it was cut,
    whether the failure looks like several mistakes, and the length of the input.
    """

    message: str = ""
    rank: tuple[bool, bool, bool, int] = (False, False, False, 0)
    answers: dict[str, Answer] = field(default_factory=dict)  # the first answer of each shape

    @property
    def names_somebody(self) -> bool:
        return self.rank[0]

    @property
    def examples(self) -> list[Answer]:
        """Two answers that differ in more than their variables' names: clear ones first, then the most common."""
        return sorted(self.answers.values(), key=lambda one: (not one.clear, -one.times, len(one.text), one.text))[
            :EXAMPLES
        ]


def evidence(classroom: Class) -> dict[tuple[str, str], Evidence]:
    """The evidence for each mistake, by koan and name. The grades are gone through once, one at a time."""
    found: dict[tuple[str, str], Evidence] = {}
    people = _words(grade.submission for grade in heads(classroom.grades))
    for grade in classroom.grades:
        for graded in grade.koans:
            for name in graded.verdict.names:
                one = found.setdefault((graded.verdict.koan, name), Evidence())
                _add_message(one, graded.verdict, people)
                _add_answer(one, graded, people)
    return found


def _add_message(one: Evidence, verdict: Verdict, people: frozenset[str]) -> None:
    """Keep the message that shows the mistake best."""
    message = _shown(verdict)
    cut = length(message) > len(message)
    rank = (_mentions([message], people), cut, len(verdict.names) > 1, len(_input(message)))
    if message and (not one.message or (rank, message) < (one.rank, one.message)):
        one.message, one.rank = message, rank


def _shown(verdict: Verdict) -> str:
    """The message without the names of mistakes."""
    says = list(descriptions(verdict).values())
    text = verdict.message.removeprefix(looks_like(says)) if says else verdict.message
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    lines = [*lines[:LINES], "…"] if len(lines) > LINES else lines
    indent = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
    return "\n".join(line[indent:] for line in lines)


def _input(message: str) -> str:
    """The part of a message that shows the call and its arguments."""
    return re.split(r"^ *(?:expected|actual) ", message, maxsplit=1, flags=re.MULTILINE)[0]


def _add_answer(one: Evidence, graded: Graded, people: frozenset[str]) -> None:
    answer = graded.answer
    if not answer or is_left_out(answer) or length(answer) > len(answer) or _mentions(_texts(answer), people):
        return
    shape, clear = _shape(answer), len(graded.verdict.names) == 1
    if shape in one.answers:
        known = one.answers[shape]
        one.answers[shape] = Answer(known.text, known.times + 1, known.clear or clear)
    elif len(one.answers) < MOST_KINDS:
        one.answers[shape] = Answer(answer, 1, clear)


def _shape(answer: str) -> str:
    """The answer with numbers for its names, so that it equals one whose variables have other names."""
    numbers: dict[str, str] = {}
    return re.sub(r"(?<![\w.])[^\W\d]\w*", lambda found: numbers.setdefault(found[0], f"_{len(numbers)}"), answer)


def _words(names: Iterable[str]) -> frozenset[str]:
    return frozenset(word.casefold() for name in names for word in re.findall(r"[^\W\d_]{3,}", name))


def _texts(answer: str) -> list[str]:
    """The texts in quotes: a function `max` is nobody's name."""
    return re.findall(r"'[^'\n]*'|\"[^\"\n]*\"", answer)


def _mentions(texts: Iterable[str], people: frozenset[str]) -> bool:
    """Whether a text has a word of anybody's name."""
    return not people.isdisjoint(_words(texts))
