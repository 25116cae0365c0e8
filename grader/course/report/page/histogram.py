"""How points are spread, as bars with their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from grader.book.points import amount
from grader.course.report.page.markup import count, text

BARS = 10


def histogram(title: str, results: Sequence[tuple[float, float]], students: int) -> Iterable[str]:
    """Bars of equal width from 0 to the points that are possible. More points than that belong to the last bar.

    `results` are the points earned and possible, of those who have a grade among the `students`. `title` begins the
    caption.
    """
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
