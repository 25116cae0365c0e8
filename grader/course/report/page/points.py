"""The points: of all, or for each assignment."""

from __future__ import annotations

from collections.abc import Iterable

from grader.book.points import amount
from grader.course.report.page.histogram import histogram
from grader.course.report.page.markup import about, heading, row_name
from grader.course.report.page.overview import Overview, Row


def points(overview: Overview) -> Iterable[str]:
    rows = overview.rows
    yield '<section id="points"><h2>Points</h2>'
    if len(overview.assignments) > 1:
        yield from _table(overview)
    for i, title in enumerate(overview.assignments):
        marks = [mark for row in rows for mark in row.marks if mark.assignment == title and not row.head.problem]
        yield f'<div data-a="{i}">'
        yield from histogram(f"{title}: ", [(mark.earned, mark.points) for mark in marks], len(rows))
        yield "</div>"
    if not overview.assignments:
        yield from histogram("", [row.total for row in rows if not row.head.problem], len(rows))
    yield "</section>"


def _table(overview: Overview) -> Iterable[str]:
    yield '<div class="wide"><table class="full"><caption>Points for each assignment</caption><thead><tr>'
    yield heading("submission", "ascending", "who")
    yield from (heading(title, "descending", "r", a=str(i)) for i, title in enumerate(overview.assignments))
    yield '</tr></thead><tbody data-rows="">'
    for row in overview.rows:
        cells = "".join(_cell(row, title, i) for i, title in enumerate(overview.assignments))
        yield f"<tr>{row_name(row.label, row.number)}{cells}</tr>"
    yield "</tbody></table></div>"


def _cell(row: Row, title: str, i: int) -> str:
    """The points for the assignment of this title, which is number i."""
    mark = next((mark for mark in row.marks if mark.assignment == title), None)
    if mark is None:
        return f'<td class="r dim" data-a="{i}" data-v="-1">–</td>'
    own = f'{amount(mark.earned)} <span class="dim">/ {amount(mark.points)}</span>'
    return f'<td class="r" data-a="{i}" data-v="{mark.earned}">{own}{about(mark)}</td>'
