"""The HTML page of `koans stats -o FILE.html`: one file with plots, which loads nothing from a network."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from html import escape

from grader.book.html import coded, document
from grader.book.workbook import RUNG_MEANINGS, RUNGS
from grader.learn.report import plots
from grader.learn.report.charts import weeks
from grader.learn.report.recall import count
from grader.learn.report.recall import day as day_text
from grader.learn.stats import Day, Stats

BY_WEEK = 42  # with more days than this, a column is a week
SLOWEST = 8  # koans that are named


def page(numbers: Stats, today: date) -> str:
    """The text of the page. `today` is the date in its head."""
    body = [
        "<h1>What I have proved</h1>",
        f'<p class="dim">Tensor Koans, {_date(today)}</p>',
        *_tiles(numbers),
        '<div class="plots">',
        *_section("Passes", "First passes of koans.", _over_time(numbers.passes, "koan")),
        *_section("Reviews", "Ratings of drill cards.", _over_time(numbers.reviewed, "review")),
        *_section("Retention", _retention_text(numbers), _retention(numbers)),
        *_section("Coming up", _coming_text(numbers), _coming(numbers)),
        *_section(
            "Time to solve",
            "Minutes of work until the first pass, without breaks. Each dot is a koan.",
            _solving(numbers),
        ),
        "</div>",
        *_rungs(numbers),
        *_mistakes(numbers),
        *_slowest(numbers),
    ]
    return document("Tensor Koans: my progress", body, style=plots.STYLE)


def _date(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _tiles(numbers: Stats) -> Iterable[str]:
    yield '<ul class="tiles">'
    yield _tile(f"{numbers.passed}", numbers.koans, "koans pass")
    yield _tile(f"{numbers.unlocked}", numbers.cards, "cards unlocked")
    yield f"<li><b>{numbers.reviews}</b>{'review' if numbers.reviews == 1 else 'reviews'}</li>"
    remembered, reviewed = numbers.remembered
    yield f"<li><b>{f'{100 * remembered / reviewed:.0f} %' if reviewed else '–'}</b>remembered</li>"
    yield f"<li><b>{sum(bool(solve.again) for solve in numbers.solving)}</b>koans solved again</li>"
    yield "</ul>"


def _tile(number: str, of: int, description: str) -> str:
    return f'<li><b>{number} <span class="dim">/ {of}</span></b>{description}</li>'


def _section(title: str, description: str, plot: str) -> Iterable[str]:
    yield f'<section><h2>{title}</h2><p class="dim">{escape(description)}</p>{plot}</section>'


def _nothing() -> str:
    return '<p class="dim">Nothing yet.</p>'


def _over_time(days: tuple[Day, ...], noun: str) -> str:
    if not days:
        return _nothing()
    if len(days) > BY_WEEK:
        data = [(_short(d), float(n), f"week of {_date(d)}: {count(n, noun)}") for d, n in weeks(days)]
    else:
        dates = [(date.fromisoformat(day.day), day.count) for day in days]
        data = [(_short(d), float(n), f"{_date(d)}: {count(n, noun)}") for d, n in dates]
    return plots.columns(data, f"{noun}s by {'week' if len(days) > BY_WEEK else 'day'}", style="g")


def _short(day: date) -> str:
    return f"{day.day} {day:%b}"


def _retention_text(numbers: Stats) -> str:
    return (
        f"How often you remembered a card a day or more after its last review. Your goal: {100 * numbers.wanted:.0f} %."
    )


def _retention(numbers: Stats) -> str:
    data = [
        (
            f"{date.fromisoformat(month.month + '-01'):%b %y}",
            100 * month.remembered / month.reviews,
            f"{month.month}: {month.remembered} of {month.reviews}",
        )
        for month in numbers.retention
    ]
    if not data:
        return _nothing()
    return plots.columns(data, "retention by month", top=100, unit="%", target=100 * numbers.wanted)


def _coming_text(numbers: Stats) -> str:
    return "Cards due in the next two weeks" + (f"; {numbers.later} come later." if numbers.later else ".")


def _coming(numbers: Stats) -> str:
    if not any(day.count for day in numbers.coming):
        return _nothing()
    dates = [(date.fromisoformat(day.day), day.count) for day in numbers.coming]
    data = [(_short(d), float(n), f"{_date(d)}: {count(n, 'card')}") for d, n in dates]
    return plots.columns(data, "cards due by day")


def _solving(numbers: Stats) -> str:
    rows = []
    for rung in RUNGS:
        dots = [
            (solve.minutes, f"{solve.koan}: {solve.minutes:g} min")
            for solve in numbers.solving
            if solve.rung == rung and solve.minutes
        ]
        rows.append((rung, dots))
    return plots.strips(rows, "minutes to solve, by rung", " min") if any(dots for _, dots in rows) else _nothing()


def _rungs(numbers: Stats) -> Iterable[str]:
    yield "<h2>Rungs by chapter</h2>"
    meanings = "; ".join(f"{rung}: {meaning}" for rung, meaning in RUNG_MEANINGS.items())
    yield f'<p class="dim">Koans that pass now, by the kind of work. {escape(meanings)}.</p>'
    yield '<div class="wide"><table class="full rungs"><thead><tr><th scope="col" class="who">chapter</th>'
    yield from (f'<th scope="col" class="r">{rung}</th>' for rung in RUNGS)
    yield '<th scope="col">of all</th></tr></thead><tbody>'
    for row in numbers.rungs:
        passed, total = sum(row.passed.values()), sum(row.koans.values())
        cells = []
        for rung in RUNGS:
            passed_here, total_here = row.passed.get(rung, 0), row.koans.get(rung, 0)
            shade = " p" if total_here and passed_here == total_here else ""
            cells.append(f'<td class="r{shade}">{f"{passed_here} / {total_here}" if total_here else ""}</td>')
        share = round(100 * passed / total) if total else 0
        bar = f'<div class="bar"><i class="p w{share}"></i></div>'
        name = f'<th scope="row" title="{escape(row.title)}">{escape(row.chapter)}</th>'
        yield f'<tr>{name}{"".join(cells)}<td class="b">{bar}</td></tr>'
    yield "</tbody></table></div>"


def _mistakes(numbers: Stats) -> Iterable[str]:
    """The learner's mistakes by koan, then those that any koan can have."""
    yield "<h2>Your mistakes</h2>"
    own = [mistake for mistake in numbers.mistakes if not mistake.family]
    if not own and not numbers.general:
        yield '<p class="dim">Nothing yet. Here you see the mistakes that tests find in your failed attempts.</p>'
        return
    yield '<p class="dim">Mistakes in your failed attempts. The same text counts only once.</p>'
    yield '<div class="wide"><table class="full rungs"><thead><tr><th scope="col" class="who">koan</th>'
    yield '<th scope="col">mistake</th><th scope="col" class="r">times</th><th scope="col">last on</th>'
    yield '<th scope="col">since then</th></tr></thead><tbody>'
    for mistake in own:
        yield _mistake_row(mistake.sentence, mistake.koan, mistake.times, mistake.last, mistake.passed)
    for group in numbers.general:
        yield _mistake_row(group.says, ", ".join(group.koans), group.times, group.last, not group.open)
    yield "</tbody></table></div>"


def _mistake_row(says: str, koans: str, times: int, last: str, passed: bool) -> str:
    cells = [
        f'<th scope="row">{escape(koans)}</th><td class="says">{coded(escape(says))}</td>',
        f'<td class="r">{times}</td><td>{day_text(last)}</td><td>{"passed" if passed else "not passed"}</td>',
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _slowest(numbers: Stats) -> Iterable[str]:
    slowest = sorted((solve for solve in numbers.solving if solve.minutes), key=lambda solve: -solve.minutes)[:SLOWEST]
    if not slowest:
        return
    yield "<h2>What took longest</h2>"
    yield '<div class="wide"><table class="full rungs"><thead><tr><th scope="col" class="who">koan</th>'
    yield '<th scope="col" class="r">minutes</th><th scope="col" class="r">failed attempts</th>'
    yield '<th scope="col">solved again, minutes</th></tr></thead><tbody>'
    for solve in slowest:
        again = ", ".join(f"{minutes:g}" for minutes in solve.again)
        name = f'<th scope="row" title="{escape(solve.koan)}">{escape(solve.koan)}</th>'
        counts = f'<td class="r">{solve.minutes:g}</td><td class="r">{solve.failed}</td>'
        yield f"<tr>{name}{counts}<td>{again}</td></tr>"
    yield "</tbody></table></div>"
