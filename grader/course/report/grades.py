"""A grade, or the grades of a class, in a terminal."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.book.terminal import status_text
from grader.book.verdict import Status, clean, one_line
from grader.course.classroom import heads
from grader.course.grade import Class, Grade
from grader.course.report.common import seed_for_instructors, version
from grader.course.report.names import labels

USUAL = (Status.passed, Status.failed, Status.not_started)  # the table of a class names only other statuses
MOST_NOTES = 12  # lines of notes below the table of a class
COLUMNS: tuple[tuple[str, Literal["left", "right"]], ...] = (
    ("submission", "left"),
    ("points", "right"),
    ("passed", "right"),
    ("", "left"),
)


def grade(result: Grade) -> RenderableType:
    parts: list[RenderableType] = []
    for graded in result.koans:
        line = Text.assemble(
            f"{graded.earned}/{graded.points}  ",
            graded.verdict.koan,
            "  ",
            status_text(graded.verdict.status),
        )
        if graded.verdict.fast is not None:
            line.append("  fast: ", "dim").append_text(status_text(graded.verdict.fast))
            if graded.verdict.speed:
                line.append(f", {graded.verdict.speed}", "dim")
        if graded.verdict.passed and graded.verdict.uncompiled:
            line.append("  compiled: ", "dim").append_text(status_text(Status.not_run_here))
        parts.append(line)
        if graded.verdict.headline and graded.verdict.status not in (Status.passed, Status.not_started):
            parts.append(Padding(Text(clean(graded.verdict.headline), "dim"), (0, 0, 0, 5)))
    name = one_line(result.submission)
    parts += [Text(one_line(note, 400), "yellow") for note in result.notes]
    if result.problem:
        parts.append(Text(f"{name}: 0 of {result.points} points: {one_line(result.problem, 400)}", "red"))
        return Group(*parts)
    cards = f", {len(result.cards)} cards proven" if result.cards else ""
    parts += [Text(), Text(f"{name}: {result.earned} of {result.points} points{cards}", "bold")]
    parts += [Text(version(result), "dim")] if version(result) else []
    stamp = f"{seed_for_instructors(result)}; {one_line(result.isolation, 600)}"
    parts.append(Text(stamp, "dim" if result.trusted else "yellow"))
    return Group(*parts)


def classroom(results: Class) -> RenderableType:
    """A line for each submission. The reports have the rest."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, justify in COLUMNS:
        table.add_column(name, justify=justify, overflow="fold")
    notes = [Text(one_line(note, 400), "yellow") for note in results.notes]
    for label, one in zip(labels(results.grades), results.grades, strict=True):
        passed = sum(graded.verdict.passed for graded in one.koans)
        other = Counter(graded.verdict.status for graded in one.koans if graded.verdict.status not in USUAL)
        remark = one_line(one.problem) or ", ".join(f"{n} {status}" for status, n in sorted(other.items()))
        table.add_row(Text(label), f"{one.earned}/{one.points}", str(passed), Text(remark, "red"))
        notes += [Text(f"{label}: {one_line(note, 400)}", "yellow") for note in one.notes]
    if len(notes) > MOST_NOTES:
        notes = [
            *notes[:MOST_NOTES],
            Text(f"and {len(notes) - MOST_NOTES} more like these; --json has them all", "yellow"),
        ]
    graded = heads(results.grades)
    isolation = ", ".join(sorted({one_line(one.isolation, 600) for one in graded if one.isolation}))
    safe = all(one.trusted for one in graded)
    stamp = "; ".join(filter(None, [f"{len(graded)} submissions, {seed_for_instructors(results)}", isolation]))
    return Group(table, Text(), *notes, Text(stamp, "dim" if safe else "yellow"))
