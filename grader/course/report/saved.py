"""What a file of results holds: schema 2, which `schema/grade-v2.json` describes. It is generated from the code.

What many grades have in common stands once, in tables at the start, and each grade refers to it by position. Fields at
their defaults are left out, also at the end of a row. Fields may be added under the same number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec

from grader.book.verdict import Status, looks_like
from grader.book.workbook import Rung
from grader.course.grade import Count, Points
from grader.course.mark import Amount
from grader.course.report.common import schema_text

SCHEMA = 2
Index = Annotated[int, msgspec.Meta(ge=0)]
# The fields of a grade that a file has as they are.
SAME = (
    *("submission", "folder", "points", "earned", "started", "seconds"),
    *("id", "student", "commit", "branch", "authored", "handed_in", "handed_in_by"),
)
# A text, or its position in `texts`. A number below zero: so many characters were left out, because a file has limited
# room for each student.
Text = str | int
G = TypeVar("G")


class KoanFacts(msgspec.Struct, frozen=True, array_like=True):
    """A koan: its id, the position of its rung in `rungs`, and the points for passing and for being fast on a GPU."""

    koan: str
    rung: Index
    points: Points
    fast_points: Points = 0


class Machine(msgspec.Struct, frozen=True, omit_defaults=True):
    """What graded a submission: see the fields of these names in a grade of schema 1."""

    isolation: str
    trusted: bool
    device: str = ""
    versions: dict[str, str] = {}


class More(msgspec.Struct, frozen=True, omit_defaults=True):
    """What few verdicts have.

    `output` is what the code printed, `notes` are lines for the learner. `headline` is given where it is not the first
    line of the message or, with names, the sentence "this looks like: …". `fast` is the status of the second claim, the
    speed on a GPU, and `races` are the milliseconds of each contestant. `uncompiled`: the machine code was not checked.
    `by_machine`: the machine may have caused a failure, and not the text. `tests` and `passed` are the tests of a koan
    without the gpu mark that ran, and how many of them passed. They are given if only a part passed. `answer` is
    what the learner wrote, where the verdict has names.
    """

    output: Text = ""
    notes: tuple[Text, ...] = ()
    headline: Text | None = None
    fast: Status | None = None
    fast_earned: Points = 0
    races: tuple[dict[str, float], ...] = ()
    uncompiled: bool = False
    by_machine: bool = False
    tests: Count = 0
    passed: Count = 0
    answer: Text = ""


class KoanRow(msgspec.Struct, frozen=True, array_like=True):
    """A koan's verdict: the position of the koan in `koans`, the status, the points earned, and the seconds of its run.

    `names` maps each wrong answer that the failure looks like to what it means. `message` is what the learner reads;
    after names it does not repeat what they mean.
    """

    koan: Index
    status: Status
    earned: Points
    seconds: float
    message: Text = ""
    names: dict[str, Text] = {}
    more: More = More()


class SavedLine(msgspec.Struct, frozen=True, array_like=True):
    """A koan's points under an assignment: its position in `koans`, the points, those earned, and whether it is extra
    credit. `fast`: it is about the koan's speed on a GPU.
    """

    koan: Index
    points: Amount
    earned: Amount
    extra: bool = False
    comment: str = ""
    fast: bool = False


class SavedMark(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a student earns for an assignment: see `Mark` in grader/course/mark.py."""

    assignment: str
    earned: Amount
    points: Amount
    lines: tuple[SavedLine, ...] = ()
    handed_in: str = ""
    due: str = ""
    days_late: Count = 0
    deducted: Amount = 0
    notes: tuple[str, ...] = ()
    missing: bool = False
    hand_ins: Count = 1


class Student(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one submission. `machine` and `cards` are positions in the tables of these names.

    The other fields are as in a grade of schema 1. `seed_digest` is empty if it equals the class's digest.
    """

    submission: str
    id: str
    student: str
    folder: str
    points: Points
    earned: Points
    problem: str
    machine: Index
    started: str
    seconds: float
    notes: tuple[Text, ...] = ()
    commit: str = ""
    branch: str = ""
    authored: str = ""
    handed_in: str = ""
    handed_in_by: str = ""
    seed_digest: str = ""
    cards: tuple[Index, ...] = ()
    koans: tuple[KoanRow, ...] = ()
    marks: tuple[SavedMark, ...] = ()


class Document(msgspec.Struct, Generic[G], frozen=True, omit_defaults=True):
    """The results of a class, or of one submission as a class of one.

    `notes` say what was found among the submissions and could not be one. `seed_digest` is empty if the grades have
    several seeds.
    """

    schema: Literal[2]
    name: str
    seed_digest: str
    notes: tuple[str, ...]
    rungs: tuple[Rung, ...]
    koans: tuple[KoanFacts, ...]
    cards: tuple[str, ...]
    machines: tuple[Machine, ...]
    texts: tuple[str, ...]
    grades: tuple[G, ...]


def row(result: KoanRow) -> list[Any]:
    """The row without the defaults at its end."""
    return trimmed(msgspec.to_builtins(result), {}, {}, "")


def trimmed(cells: list[Any], *defaults: Any) -> list[Any]:
    """The cells without those at the end that have these defaults. The last default is given first."""
    for default in defaults:
        if cells[-1] != default:
            break
        cells.pop()
    return cells


def with_headline(status: Status, rest: str, names: Mapping[str, str]) -> tuple[str, str]:
    """The message and the headline of a verdict whose headline is not in the file."""
    if names:
        looks = looks_like(list(names.values()))
        return (f"{looks}\n\n{rest}" if rest else looks), looks
    return rest, "" if status == Status.not_started else rest.partition("\n")[0]


def schema() -> str:
    """The JSON Schema of a file. `python -m grader.course.report.saved` prints it."""
    document = msgspec.json.schema(Document[Student], ref_template="#/$defs/{name}")
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Tensor Koans: the grades of a class, schema {SCHEMA}",
        **document,
    }
    return schema_text(document)


if __name__ == "__main__":
    print(schema(), end="")
