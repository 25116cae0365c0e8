"""`koans stats -o FILE.html`: one page with plots, which asks nothing of any network."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from html import escape

from grader.book.html import document
from grader.book.workbook import RUNGS
from grader.learn.report import plots
from grader.learn.report.charts import weeks
from grader.learn.report.recall import count
from grader.learn.stats import Day, Stats

BY_WEEK = 42  # days from which a column is a week
SLOWEST = 8


def page(found: Stats, today: date) -> str:
    """The whole page."""
    body = [
        "<h1>What I have proved</h1>",
        f'<p class="dim">Tensor Koans, {_date(today)}</p>',
        *_tiles(found),
        '<div class="plots">',
        *_section("Passes", "First passes of koans.", _over_time(found.passes, "koan")),
        *_section("Reviews", "Ratings of drill cards.", _over_time(found.reviewed, "review")),
        *_section("Retention", _retained(found), _retention(found)),
        *_section("Coming up", _coming_words(found), _coming(found)),
        *_section(
            "Time to solve", "Minutes at work until the first pass, breaks left out; a dot a koan.", _solving(found)
        ),
        "</div>",
        *_rungs(found),
        *_slowest(found),
    ]
    return document("Tensor Koans: what I have proved", body, style=plots.STYLE)


def _date(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _tiles(found: Stats) -> Iterable[str]:
    yield '<ul class="tiles">'
    yield _tile(f"{found.passed}", found.koans, "koans pass")
    yield _tile(f"{found.unlocked}", found.cards, "cards unlocked")
    yield f"<li><b>{found.reviews}</b>{'review' if found.reviews == 1 else 'reviews'}</li>"
    known, asked = found.remembered
    yield f"<li><b>{f'{100 * known / asked:.0f} %' if asked else '–'}</b>remembered</li>"
    yield f"<li><b>{sum(bool(t.again) for t in found.solving)}</b>koans solved again</li>"
    yield "</ul>"


def _tile(number: str, of: int, says: str) -> str:
    return f'<li><b>{number} <span class="dim">/ {of}</span></b>{says}</li>'


def _section(title: str, says: str, plot: str) -> Iterable[str]:
    yield f'<section><h2>{title}</h2><p class="dim">{escape(says)}</p>{plot}</section>'


def _nothing() -> str:
    return '<p class="dim">Nothing yet.</p>'


def _over_time(days: tuple[Day, ...], what: str) -> str:
    if not days:
        return _nothing()
    if len(days) > BY_WEEK:
        data = [(_short(d), float(n), f"week of {_date(d)}: {count(n, what)}") for d, n in weeks(days)]
    else:
        dates = [(date.fromisoformat(day.day), day.count) for day in days]
        data = [(_short(d), float(n), f"{_date(d)}: {count(n, what)}") for d, n in dates]
    return plots.columns(data, f"{what}s by {'week' if len(days) > BY_WEEK else 'day'}", colour="g")


def _short(day: date) -> str:
    return f"{day.day} {day:%b}"


def _retained(found: Stats) -> str:
    return f"Share of reviews a day or more after the last that were remembered; {100 * found.wanted:.0f} % is set."


def _retention(found: Stats) -> str:
    data = [
        (
            f"{date.fromisoformat(m.month + '-01'):%b %y}",
            100 * m.remembered / m.reviews,
            f"{m.month}: {m.remembered} of {m.reviews}",
        )
        for m in found.retention
    ]
    if not data:
        return _nothing()
    return plots.columns(data, "retention by month", top=100, unit="%", wanted=100 * found.wanted)


def _coming_words(found: Stats) -> str:
    return "Cards due in the next two weeks" + (f"; {found.later} come later." if found.later else ".")


def _coming(found: Stats) -> str:
    if not any(day.count for day in found.coming):
        return _nothing()
    dates = [(date.fromisoformat(day.day), day.count) for day in found.coming]
    data = [(_short(d), float(n), f"{_date(d)}: {count(n, 'card')}") for d, n in dates]
    return plots.columns(data, "cards due by day")


def _solving(found: Stats) -> str:
    rows = []
    for rung in RUNGS:
        dots = [(t.minutes, f"{t.koan}: {t.minutes:g} min") for t in found.solving if t.rung == rung and t.minutes]
        rows.append((rung, dots))
    return plots.strips(rows, "minutes to solve, by rung", " min") if any(dots for _, dots in rows) else _nothing()


def _rungs(found: Stats) -> Iterable[str]:
    yield "<h2>Rungs by chapter</h2>"
    yield '<p class="dim">Koans that pass as they stand, of all there are.</p>'
    yield '<div class="wide"><table class="full rungs"><thead><tr><th scope="col" class="who">chapter</th>'
    yield from (f'<th scope="col" class="r">{rung}</th>' for rung in RUNGS)
    yield '<th scope="col">of all</th></tr></thead><tbody>'
    for own in found.rungs:
        passed, whole = sum(own.passed.values()), sum(own.koans.values())
        cells = []
        for rung in RUNGS:
            done, there = own.passed.get(rung, 0), own.koans.get(rung, 0)
            shade = " p" if there and done == there else ""
            cells.append(f'<td class="r{shade}">{f"{done} / {there}" if there else ""}</td>')
        share = round(100 * passed / whole) if whole else 0
        bar = f'<div class="bar"><i class="p w{share}"></i></div>'
        name = f'<th scope="row" title="{escape(own.title)}">{escape(own.chapter)}</th>'
        yield f'<tr>{name}{"".join(cells)}<td class="b">{bar}</td></tr>'
    yield "</tbody></table></div>"


def _slowest(found: Stats) -> Iterable[str]:
    slow = sorted((t for t in found.solving if t.minutes), key=lambda t: -t.minutes)[:SLOWEST]
    if not slow:
        return
    yield "<h2>What took longest</h2>"
    yield '<div class="wide"><table class="full rungs"><thead><tr><th scope="col" class="who">koan</th>'
    yield '<th scope="col" class="r">minutes</th><th scope="col" class="r">failed attempts</th>'
    yield '<th scope="col">solved again, minutes</th></tr></thead><tbody>'
    for took in slow:
        again = ", ".join(f"{minutes:g}" for minutes in took.again)
        name = f'<th scope="row" title="{escape(took.koan)}">{escape(took.koan)}</th>'
        numbers = f'<td class="r">{took.minutes:g}</td><td class="r">{took.failed}</td>'
        yield f"<tr>{name}{numbers}<td>{again}</td></tr>"
    yield "</tbody></table></div>"
