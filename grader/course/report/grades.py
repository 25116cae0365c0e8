"""A grade, or the grades of a class, in a terminal."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.book.points import amount
from grader.book.terminal import status_text
from grader.book.verdict import Status, clean, one_line
from grader.course.classroom import heads
from grader.course.grade import Class, Grade
from grader.course.mark import FAST
from grader.course.report.common import days_of, rows, seed_for_instructors, total, version, with_marks
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
    points = {row.graded.verdict.koan: row for row in rows(result) if not row.name.endswith(FAST)}
    for graded in result.koans:
        row = points.get(graded.verdict.koan)
        own = (row.earned, row.points) if row else (graded.earned, graded.points)
        line = Text.assemble(
            f"{'/'.join(map(amount, own))}  ",
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
    of_all = " of ".join(map(amount, total(result)))
    parts += [Text(one_line(note, 400), "yellow") for note in result.notes]
    if result.problem:
        parts.append(Text(f"{name}: {of_all} points: {one_line(result.problem, 400)}", "red"))
        return Group(*parts)
    cards = f", {len(result.cards)} cards proven" if result.cards else ""
    parts += [Text(), Text(f"{name}: {of_all} points{cards}", "bold")]
    parts += [Text(line, "dim") for line in with_marks(result)]
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
        late = [f"{days_of(mark)} late" for mark in one.marks if mark.days_late]
        remark = one_line(one.problem) or ", ".join([*late, *(f"{n} {status}" for status, n in sorted(other.items()))])
        table.add_row(Text(label), "/".join(map(amount, total(one))), str(passed), Text(remark, "red"))
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
