"""How the points of a class are spread, as bars with their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from grader.book.points import amount
from grader.course.report.page.markup import count, text
from grader.course.report.page.overview import Overview

BARS = 10


def histogram(overview: Overview) -> Iterable[str]:
    rows = overview.rows
    yield '<section id="points"><h2>Points</h2>'
    for i, title in enumerate(overview.assignments):
        marks = [mark for row in rows for mark in row.marks if mark.assignment == title and not row.head.problem]
        yield f'<div data-a="{i}">'
        yield from _bars(f"{title}: ", [(mark.earned, mark.points) for mark in marks], len(rows))
        yield "</div>"
    if not overview.assignments:
        yield from _bars("", [row.total for row in rows if not row.head.problem], len(rows))
    yield "</section>"


def _bars(title: str, results: Sequence[tuple[float, float]], students: int) -> Iterable[str]:
    """Bars of equal width from 0 to the points that are possible. More points than that belong to the last bar."""
    if not results:
        return
    earned, possible = [one for one, _ in results], max(points for _, points in results)
    width = max(possible, 1) / BARS
    heights = Counter(min(int(points / width), BARS - 1) for points in earned)
    missing = f"; {students - len(earned)} without a grade" if students > len(earned) else ""
    caption = f"{title}{count(len(earned), 'student')} by points, of {amount(possible)}{missing}"
    yield f'<figure><figcaption>{text(caption)}</figcaption><ol class="histogram">'
    for i in range(BARS):
        start, end = amount(i * width), amount((i + 1) * width)
        points = f"{start} and more" if i == BARS - 1 else f"{start} to below {end}"
        height = 100 * heights[i] / max(heights.values(), default=1)
        bar = f'<span class="bar"><i class="h w{height:.0f}"></i></span>'
        yield f"<li><span>{points}</span>{bar}<b>{heights[i]}</b></li>"
    yield "</ol></figure>"
