"""`koans stats` in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from grader.book.workbook import RUNGS
from grader.learn.report.recall import bar, count
from grader.learn.stats import Day, Stats

DAYS = 7  # of the past, one by one
WEEKS = 8  # before them
SLOWEST = 5


def stats(found: Stats, width: int) -> RenderableType:
    """Every chart, below one another; at 60 columns as at 110."""
    known, asked = found.remembered
    head = f"{found.passed} of {found.koans} koans pass, {found.unlocked} of {found.cards} cards unlocked, "
    parts: list[RenderableType] = [Text(head + count(found.reviews, "review"), "bold"), Text()]
    parts += _section("passes by day", _by_day(found.passes, width))
    parts += _section("rungs by chapter", _rungs(found, width))
    if asked:
        share = f"retention: {100 * known / asked:.0f} % of {count(asked, 'review')} a day or more after the last; "
        parts += _section(f"{share}{100 * found.wanted:.0f} % is set", _months(found, width))
    else:
        parts += [Text("retention: no card has been reviewed on a second day yet", "dim"), Text()]
    parts += _section("time to solve (minutes at work, breaks left out)", _solving(found, width))
    rows = [(_name(day.day, number), str(day.count), day.count) for number, day in enumerate(found.coming[:7])]
    beyond = sum(day.count for day in found.coming[7:]) + found.later
    more = [("later", str(beyond), 0)] if beyond else []
    parts += _section("cards coming up", _bars([*rows, *more], width))
    return Group(*parts[:-1])


def _section(title: str, body: RenderableType | None) -> list[RenderableType]:
    return [Text(title, "dim"), body if body is not None else Text("nothing yet"), Text()]


def _bars(rows: Sequence[tuple[str, str, float]], width: int, style: str = "green") -> RenderableType | None:
    if not rows:
        return None
    most = max(value for _, _, value in rows)
    long = max(8, min(40, width - 4 - max(len(name) for name, _, _ in rows) - max(len(n) for _, n, _ in rows)))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    for name, number, value in rows:
        table.add_row(name, number, Text(bar(value, most, long), style))
    return table


def _by_day(days: Sequence[Day], width: int) -> RenderableType | None:
    """The last days, and before them weeks."""
    rows = [(_date(day.day), str(day.count), day.count) for day in reversed(days[-DAYS:])]
    older = [(f"week of {monday.day} {monday:%b}", str(n), n) for monday, n in reversed(weeks(days[:-DAYS]))]
    more = Text(f"{sum(n for _, _, n in older[WEEKS:])} before that", "dim")
    bars = _bars([*rows, *older[:WEEKS]], width)
    return Group(bars, more) if bars and older[WEEKS:] else bars


def _rungs(found: Stats, width: int) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    names = [rung.removesuffix(" it") for rung in RUNGS]
    table.add_row("", *(Text(name if width >= 76 else name[:4], "dim") for name in names))
    for own in found.rungs:
        cells = []
        for rung in RUNGS:
            passed, all_ = own.passed.get(rung, 0), own.koans.get(rung, 0)
            style = "dim" if not passed else "green" if passed == all_ else "yellow"
            cells.append(Text(f"{passed}/{all_}" if all_ else "", style))
        table.add_row(own.chapter if width >= 76 else own.chapter.partition("_")[0], *cells)
    return table


def _months(found: Stats, width: int) -> RenderableType | None:
    rows = [
        (m.month, f"{100 * m.remembered / m.reviews:.0f} % of {m.reviews}", m.remembered / m.reviews)
        for m in found.retention[-12:]
    ]
    return _bars(rows, width, "cyan")


def _solving(found: Stats, width: int) -> RenderableType | None:
    medians = [(f"{rung} (median)", f"{minutes:.1f}", minutes) for rung, minutes in found.by_rung().items()]
    slow = sorted((t for t in found.solving if t.minutes), key=lambda t: -t.minutes)[:SLOWEST]
    return _bars([*medians, *((t.koan, f"{t.minutes:.1f}", t.minutes) for t in slow)], width, "magenta")


def _date(day: str) -> str:
    when = date.fromisoformat(day)
    return f"{when:%a} {when.day:>2} {when:%b}"


def _name(day: str, number: int) -> str:
    return "today" if number == 0 else "tomorrow" if number == 1 else _date(day)


def weeks(days: Sequence[Day]) -> list[tuple[date, int]]:
    """Counts by week, each named by its Monday."""
    found: dict[date, int] = {}
    for day in days:
        when = date.fromisoformat(day.day)
        monday = when - timedelta(when.weekday())
        found[monday] = found.get(monday, 0) + day.count
    return list(found.items())
