"""The top of the page: what was graded, what went wrong, and the figures of the class."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from grader.book.points import amount
from grader.course.grade import Class
from grader.course.report.common import seed_for_students
from grader.course.report.page.markup import count, name, names, private, text
from grader.course.report.page.overview import Overview, Row
from grader.course.since import in_a_line

UNFOLDED = 3  # notes that are visible without a click: the first screen is for what the class gets wrong


def head(classroom: Class, overview: Overview) -> Iterable[str]:
    rows = overview.rows
    yield f"<h1>{text(classroom.name, 200)}</h1>"
    days = sorted({row.head.started[:10] for row in rows})
    when = f"; graded {days[0]}" + (f" to {days[-1]}" if len(days) > 1 else "") if days else ""
    yield f'<p class="dim">{count(len(rows), "submission")}, {seed_for_students(classroom)}{text(when)}</p>'
    if overview.changes:
        line = in_a_line(overview.changes)
        yield f"<p><b>{text(line[:1].upper() + line[1:])}.</b></p>"
    yield from _problems(rows)
    yield from _notes(classroom.notes)
    untrusted = [row.head for row in rows if not row.head.problem and not row.head.trusted]
    if untrusted:
        yield (
            f'<p class="warn">{count(len(untrusted), "submission")} ran without the complete sandbox, so these points '
            f"can be forged: {text(untrusted[0].isolation)}</p>"
        )
    yield from _tiles([row for row in rows if not row.head.problem])


def _problems(rows: Sequence[Row]) -> Iterable[str]:
    """Who was not graded, and why."""
    by_problem: dict[str, list[str]] = {}
    for row in rows:
        if row.head.problem:
            by_problem.setdefault(row.head.problem, []).append(name(row.label, row.number))
    for problem, who in by_problem.items():
        was = "was" if len(who) == 1 else "were"
        yield f'<p class="warn">{names(who)} {was} not graded: {private(text(problem))}</p>'


def _notes(notes: Sequence[str]) -> Iterable[str]:
    yield from (f'<p class="warn private">{text(note)}</p>' for note in notes[:UNFOLDED])
    if len(notes) > UNFOLDED:
        yield f'<details class="private"><summary>{len(notes) - UNFOLDED} more notes</summary><ul>'
        yield from (f"<li>{text(note)}</li>" for note in notes[UNFOLDED:])
        yield "</ul></details>"


def _tiles(graded: Sequence[Row]) -> Iterable[str]:
    if not graded:
        return
    points = [row.total[0] for row in graded]
    passed = [{koan for koan, cell in zip(row.koans, row.cells, strict=True) if cell.passed} for row in graded]
    everyone, anyone = set.intersection(*passed), set.union(*passed)
    whole = len(graded[0].koans)
    yield '<ul class="tiles">'
    possible = f'<span class="dim">/ {amount(graded[0].total[1])}</span>'
    yield f"<li><b>{amount(statistics.median(points))} {possible}</b>median points</li>"
    yield f"<li><b>{amount(max(points))}</b>most points</li>"
    yield f"<li><b>{len(everyone)}</b>koans passed by all</li>"
    yield f"<li><b>{whole - len(anyone)}</b>koans passed by none</li>"
    yield f"<li><b>{sum(not p for p in passed)}</b>passed nothing yet</li>"
    yield "</ul>"
