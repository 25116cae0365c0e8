"""What reports say alike: rows with points, texts cut to a length, and the misconceptions of a class."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from grader.book.verdict import Status, clean
from grader.course.grade import Class, Grade, Graded

LONGEST = 4000  # characters of one text in a report; JSON has it whole


class ReportRow(msgspec.Struct, frozen=True):
    """A claim with points of its own: the koan, and where it was tried here, `fast`."""

    name: str
    graded: Graded
    status: Status
    points: int
    earned: int


class Misconception(msgspec.Struct, frozen=True):
    """A named wrong answer and whose failures look like it: like this one alone, or like one of several."""

    koan: str
    name: str
    says: str
    alone: tuple[str, ...]
    among: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.alone) + len(self.among)


def rows(grade: Grade) -> Iterator[ReportRow]:
    """Every claim that counts. A `fast` that could not be tried here is no row: nobody loses points for a machine."""
    for graded in grade.koans:
        verdict = graded.verdict
        yield ReportRow(verdict.koan, graded, verdict.status, graded.points, graded.earned)
        if graded.fast_points and verdict.fast not in (None, Status.not_run_here):
            assert verdict.fast is not None
            yield ReportRow(f"{verdict.koan} (fast)", graded, verdict.fast, graded.fast_points, graded.fast_earned)


def total(grade: Grade) -> tuple[int, int]:
    """Points earned and points to be had. A submission that could not be graded has earned nothing of them all."""
    if grade.problem:
        return 0, grade.points
    counted = list(rows(grade))
    return sum(r.earned for r in counted), sum(r.points for r in counted)


def shown(text: str, longest: int = LONGEST) -> str:
    """Text that is safe to show, at most so long."""
    text = clean(text)
    return text if len(text) <= longest else f"{text[:longest]}\n… {len(text) - longest} more characters"


def explained(row: ReportRow) -> str:
    """What a learner reads about a row: why, and what their code printed."""
    verdict = row.graded.verdict
    if row.name != verdict.koan:
        return f"fast: {row.status.value}"
    parts = [shown(verdict.message) or row.status.value]
    if verdict.output.strip():
        parts.append(f"printed by the code:\n{shown(verdict.output.strip())}")
    return "\n\n".join(parts)


def misconceptions(classroom: Class) -> list[Misconception]:
    """The named wrong answers a class's failures look like, those of most submissions first."""
    says: dict[tuple[str, str], str] = {}
    alone: dict[tuple[str, str], list[str]] = {}
    among: dict[tuple[str, str], list[str]] = {}
    for grade in classroom.grades:
        for graded in grade.koans:
            verdict = graded.verdict
            texts = {name: text for test in verdict.tests for name, text in test.looks.items()}
            for name in verdict.names:
                key = verdict.koan, name
                says.setdefault(key, texts.get(name, name))
                (alone if len(verdict.names) == 1 else among).setdefault(key, []).append(grade.submission)
    found = [
        Misconception(*key, text, tuple(alone.get(key, ())), tuple(among.get(key, ()))) for key, text in says.items()
    ]
    return sorted(found, key=lambda h: (-h.count, -len(h.alone), h.koan, h.name))
