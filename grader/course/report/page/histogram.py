"""How the points of a class are spread, as bars with their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from grader.course.report.page.markup import count, text
from grader.course.report.page.overview import Row

BARS = 10


def histogram(rows: Sequence[Row]) -> Iterable[str]:
    graded = [row for row in rows if not row.head.problem]
    yield '<section id="points"><h2>Points</h2>'
    if graded:
        yield from _bars("", [row.total[0] for row in graded], max(row.total[1] for row in graded), len(rows))
    yield "</section>"


def _bars(title: str, earned: Sequence[float], possible: float, students: int) -> Iterable[str]:
    """Bars of equal width from 0 to the points that are possible. More points than that belong to the last bar."""
    width = max(possible, 1) / BARS
    heights = Counter(min(int(points / width), BARS - 1) for points in earned)
    missing = f"; {students - len(earned)} without a grade" if students > len(earned) else ""
    caption = f"{title}{count(len(earned), 'student')} by points, of {possible:g}{missing}"
    yield f'<figure><figcaption>{text(caption)}</figcaption><ol class="histogram">'
    for i in range(BARS):
        end = f"{(i + 1) * width:g}"
        points = f"{i * width:g} to {end}" if i == BARS - 1 else f"{i * width:g} to below {end}"
        height = 100 * heights[i] / max(heights.values(), default=1)
        bar = f'<span class="bar"><i class="h w{height:.0f}"></i></span>'
        yield f"<li><span>{points}</span>{bar}<b>{heights[i]}</b></li>"
    yield "</ol></figure>"
