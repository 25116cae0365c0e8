"""What several reports share: rows with points, text cut to a length, and the misconceptions of a class."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from grader.book.verdict import Status, clean
from grader.course.grade import Class, Grade, Graded

LONGEST = 4000  # characters of one text in a report; JSON has all of it


class ReportRow(msgspec.Struct, frozen=True):
    """A claim with points of its own: that a koan passed, or that it is fast."""

    name: str
    graded: Graded
    status: Status
    points: int
    earned: int


class Misconception(msgspec.Struct, frozen=True):
    """A named wrong answer, and the submissions whose failures look like it.

    In `alone` are submissions that look like no other wrong answer, in `among` those that look like several.
    """

    koan: str
    name: str
    description: str
    alone: tuple[str, ...]
    among: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.alone) + len(self.among)


def rows(grade: Grade) -> Iterator[ReportRow]:
    """Every claim that counts. Nobody loses points for a `fast` that this machine could not test: it is left out."""
    for graded in grade.koans:
        verdict = graded.verdict
        yield ReportRow(verdict.koan, graded, verdict.status, graded.points, graded.earned)
        if graded.fast_points and verdict.fast not in (None, Status.not_run_here):
            assert verdict.fast is not None
            yield ReportRow(f"{verdict.koan} (fast)", graded, verdict.fast, graded.fast_points, graded.fast_earned)


def total(grade: Grade) -> tuple[int, int]:
    """Points earned and points possible. A submission that could not be graded has earned 0."""
    if grade.problem:
        return 0, grade.points
    counted = list(rows(grade))
    return sum(r.earned for r in counted), sum(r.points for r in counted)


def safe_text(text: str, longest: int = LONGEST) -> str:
    """The text without control characters, cut to `longest` characters."""
    text = clean(text)
    return text if len(text) <= longest else f"{text[:longest]}\n… {len(text) - longest} more characters"


def explanation(row: ReportRow) -> str:
    """What a learner reads about a row: the reason for its status, and what their code printed."""
    verdict = row.graded.verdict
    if row.name != verdict.koan:
        return f"fast: {row.status.value}"
    parts = [safe_text(verdict.message) or row.status.value]
    if verdict.output.strip():
        parts.append(f"printed by the code:\n{safe_text(verdict.output.strip())}")
    return "\n\n".join(parts)


def misconceptions(classroom: Class) -> list[Misconception]:
    """The named wrong answers that the failures of a class look like, the most common first."""
    descriptions: dict[tuple[str, str], str] = {}
    alone: dict[tuple[str, str], list[str]] = {}
    among: dict[tuple[str, str], list[str]] = {}
    for grade in classroom.grades:
        for graded in grade.koans:
            verdict = graded.verdict
            found = {name: text for test in verdict.tests for name, text in test.looks.items()}
            for name in verdict.names:
                key = verdict.koan, name
                descriptions.setdefault(key, found.get(name, name))
                (alone if len(verdict.names) == 1 else among).setdefault(key, []).append(grade.submission)
    result = [
        Misconception(*key, text, tuple(alone.get(key, ())), tuple(among.get(key, ())))
        for key, text in descriptions.items()
    ]
    return sorted(result, key=lambda m: (-m.count, -len(m.alone), m.koan, m.name))
