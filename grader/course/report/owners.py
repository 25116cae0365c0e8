"""Which row of an instructor's table belongs to which grade. Ids decide, and nobody's row is guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from grader.book.verdict import one_line
from grader.course.grade import Grade
from grader.course.report.names import labels
from grader.course.students import NOTHING_HANDED_IN

Name = tuple[str, str]  # what kind of name it is, and the name
ID = "id"  # the kind of a name that only one student has


class Owner(msgspec.Struct, frozen=True):
    """The row that a grade's points belong to, or why they belong to none. `label` names the grade in notes."""

    label: str
    row: int | None = None
    reason: str = ""


def owners(grades: Sequence[Grade], names: Mapping[int, Iterable[Name]], kinds: Sequence[str]) -> list[Owner]:
    """The row of each grade, in order. `names` has everything that the student of a row may be called by.

    A grade whose student is known belongs to the row with this id, and to no other. Any other grade belongs to the row
    that has its submission's name among the first of these `kinds` that has it at all. Where several grades claim a
    row, only one whose student is known gets it. The order of the grades makes no difference.
    """
    called: dict[Name, set[int]] = {}
    for row, its_names in names.items():
        for kind, name in its_names:
            called.setdefault((kind, name.strip().casefold()), set()).add(row)
    claims = [_claim(called, label, grade, kinds) for label, grade in zip(labels(grades), grades, strict=True)]
    rivals: dict[int, list[_Claim]] = {}
    for claim in claims:
        if len(claim.rows) == 1 and not claim.problem:
            rivals.setdefault(claim.rows[0], []).append(claim)
    found = [(claim, _reason(claim, rivals)) for claim in claims]
    return [Owner(claim.label, None if reason else claim.rows[0], reason) for claim, reason in found]


def left_out(grade: Grade, title: str = "") -> str:
    """Why there are no points for the assignment of this title, or an empty string. Without a title, for all.

    Under an assignment there are none if nothing could be graded and nobody decided about the points.
    """
    if not grade.marks:
        return grade.problem
    missing = all(mark.missing for mark in grade.marks if title in ("", mark.assignment))
    return (grade.problem or NOTHING_HANDED_IN) if missing else ""


class _Claim(msgspec.Struct, frozen=True):
    """The rows that may be a grade's. `known`: the grade has the student's id, so nobody had to guess.

    `problem` says why the grade has no points to write.
    """

    label: str
    student: str
    problem: str
    rows: tuple[int, ...]
    known: bool


def _claim(called: Mapping[Name, set[int]], label: str, grade: Grade, kinds: Sequence[str]) -> _Claim:
    wanted = (grade.student or grade.submission).strip().casefold()
    possible = (called[kind, wanted] for kind in ((ID,) if grade.student else kinds) if (kind, wanted) in called)
    rows = tuple(sorted(next(possible, ()))) if wanted else ()
    return _Claim(label, grade.student, left_out(grade), rows, bool(grade.student))


def _reason(claim: _Claim, rivals: Mapping[int, Sequence[_Claim]]) -> str:
    """Why a claim gets no row, or an empty string. `rivals` are all claims of a row."""
    student = f"with the id {one_line(claim.student, 80)}" if claim.known else "of this name"
    if claim.problem:
        nothing = claim.problem == NOTHING_HANDED_IN
        return f"left out, {NOTHING_HANDED_IN if nothing else 'nothing could be graded'}"
    if not claim.rows:
        return f"no student {student} in the gradebook"
    if len(claim.rows) > 1:
        return f"several students {student} in the gradebook"
    others = [other for other in rivals[claim.rows[0]] if other is not claim]
    if not others or (claim.known and not any(other.known for other in others)):
        return ""
    names = ", ".join(other.label for other in others)
    return f"left out, {names} {'belongs' if len(others) == 1 else 'belong'} to the same student"
