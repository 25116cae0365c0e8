"""What has changed since an earlier result, for each student."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grader.course.report.page.markup import count, description, heading, name, names, row_head, text
from grader.course.report.page.overview import Overview, Row
from grader.course.since import Change, Gone


def changed(overview: Overview) -> Iterable[str]:
    changes = overview.changes
    if changes is None:
        return
    since = text(changes.day) if changes.day else "the earlier result"
    moved = [(row, row.change) for row in overview.rows if row.change and row.change.moved]
    still = [overview.rows[i] for i in changes.still]
    yield f'<section id="changes"><h2>What has changed since {since}</h2>'
    if still:
        yield f"<p><b>Nothing has changed for {count(len(still), 'student')}:</b> {_names(still)}</p>"
    new = [row for row in overview.rows if row.change is None]
    if new:
        yield f"<p>Without an earlier result: {_names(new)}</p>"
    if changes.gone:
        yield f"<details open><summary>{count(len(changes.gone), 'mistake')} that nobody makes any more</summary><ul>"
        yield from map(_gone, changes.gone)
        yield "</ul></details>"
    if moved:
        yield from _table(moved, since)
    yield "</section>"


def _names(rows: Sequence[Row]) -> str:
    return names(name(row.label, row.number) for row in rows)


def _gone(one: Gone) -> str:
    times = "once" if one.count == 1 else f"{one.count} times"
    koan = text(one.koan)
    return f'<li data-k="{koan}">{description(one.description)} (<code>{koan}</code>, {times} then)</li>'


def _table(moved: Iterable[tuple[Row, Change]], since: str) -> Iterable[str]:
    yield f'<div class="wide"><table class="full"><caption>Who has moved since {since}</caption><thead><tr>'
    yield heading("submission", "ascending", "who")
    yield heading("points", "descending", "r", "Points of koans, without the rules of an assignment")
    yield heading("passes now", "descending", "") + heading("does not pass any more", "descending", "")
    yield '</tr></thead><tbody data-rows="">'
    for row, change in moved:
        points = f'<td class="r" data-v="{change.points}">{change.points:+d}</td>'
        who = row_head(row.label, row.number, row.head)
        yield f"<tr>{who}{points}{_koans(change.passed)}{_koans(change.lost)}</tr>"
    yield "</tbody></table></div>"


def _koans(koans: Sequence[str]) -> str:
    listed = ", ".join(f'<code title="{text(koan)}">{text(koan.partition("/")[2])}</code>' for koan in koans)
    return f'<td class="list" data-v="{len(koans)}">{listed or "–"}</td>'
