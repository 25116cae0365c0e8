"""How far each student is, and where each made progress last."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from grader.book.points import amount
from grader.book.verdict import one_line
from grader.book.workbook import RUNGS
from grader.course.report.page.markup import about, heading, koan, row_head, text
from grader.course.report.page.overview import Overview, Row

NOTHING = '<td class="r dim" data-v="-1">–</td>'


def students(overview: Overview) -> Iterable[str]:
    rows = overview.rows
    rungs = [rung for rung in RUNGS if any(rung in row.passed_on for row in rows)]
    timed = any(row.head.handed_in for row in rows)
    yield '<section id="students"><h2>Progress of each submission</h2>'
    yield '<p class="dim">Koans passed on each rung. “At” is the first koan that does not pass. '
    if overview.changes:
        yield f"“New” counts the koans that pass now and did not pass {text(overview.changes.day or 'then')}. "
        yield "“Last progress” is the last of them in the workbook's order.</p>"
    else:
        yield "“Furthest” is the last koan that passes, in the workbook's order.</p>"
    yield '<div class="wide"><table class="full"><caption>Points and koans passed. Click a heading to sort.</caption>'
    yield "<thead><tr>" + heading("submission", "ascending", "who")
    yield heading("points", "descending", "r")
    yield heading("at", "ascending", "")
    if overview.changes:
        yield heading("new", "descending", "r") + heading("last progress", "ascending", "")
    else:
        yield heading("furthest", "ascending", "")
    if timed:
        yield heading("handed in", "ascending", "")
    yield from (heading(rung, "descending", "r") for rung in rungs)
    yield heading("cards", "descending", "r")
    yield '</tr></thead><tbody data-rows="">'
    for row in rows:
        cells = [row_head(row.label, row.number, row.head), _points(row), _at(row)]
        cells += _new(row) if overview.changes else [_furthest(row)]
        cells += [_handed_in(row)] if timed else []
        cells += [_passed_on(row, rung) for rung in rungs]
        yield f'<tr>{"".join(cells)}<td class="r" data-v="{row.cards}">{row.cards}</td></tr>'
    yield "</tbody></table></div></section>"


def _points(row: Row) -> str:
    """All points, and what decided about them if they are for one assignment."""
    (earned, points), more = row.total, about(row.marks[0]) if len(row.marks) == 1 else ""
    return f'<td class="r" data-v="{earned}">{amount(earned)} <span class="dim">/ {amount(points)}</span>{more}</td>'


def _at(row: Row) -> str:
    at = next((i for i, cell in enumerate(row.cells) if not cell.passed), len(row.koans))
    where = row.koans[at] if at < len(row.koans) else "all passed" if row.koans else "not graded"
    return f'<td data-v="{at}">{koan(where)}</td>'


def _furthest(row: Row) -> str:
    where = koan(row.koans[row.furthest]) if row.furthest >= 0 else "none yet"
    return f'<td data-v="{row.furthest}">{where}</td>'


def _new(row: Row) -> list[str]:
    """How many koans are new, and the last of them."""
    if row.change is None:
        return [NOTHING, '<td data-v="-2">no earlier result</td>']
    passed = row.change.passed
    place = max(map(row.koans.index, passed), default=-1)
    last = koan(row.koans[place]) if passed else "no koan"
    return [f'<td class="r" data-v="{len(passed)}">{len(passed)}</td>', f'<td data-v="{place}">{last}</td>']


def _handed_in(row: Row) -> str:
    """When the work was handed in, to the minute. What is no time in ISO 8601 is shown as it is."""
    when = one_line(row.head.handed_in, 40)
    try:
        moment = datetime.fromisoformat(when)
    except ValueError:
        return f'<td data-v="-1">{text(when) or "–"}</td>'
    zone = "" if moment.tzinfo is None else " UTC" if not moment.utcoffset() else f" {moment:%z}"
    return f'<td class="when" data-v="{_seconds(moment)}">{moment:%Y-%m-%d %H:%M}{zone}</td>'


def _seconds(moment: datetime) -> int:
    """Seconds since 1970. A time without a zone counts as UTC."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _passed_on(row: Row, rung: str) -> str:
    done, own = row.passed_on.get(rung, (0, 0))
    return f'<td class="r" data-v="{done}">{done} <span class="dim">/ {own}</span></td>' if own else NOTHING
