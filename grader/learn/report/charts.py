"""The charts of `koans stats`, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from grader.book.verdict import one_line
from grader.book.workbook import RUNG_MEANINGS, RUNGS
from grader.learn.mistakes import GeneralMistake, Mistake
from grader.learn.report.recall import LONGEST_MISTAKE, bar, count, inline
from grader.learn.report.recall import day as day_text
from grader.learn.stats import Day, Stats

DAYS = 7  # bars for the last days
WEEKS = 8  # bars for the weeks before them
SLOWEST = 5  # koans that are named
MISTAKES = 8  # mistakes that are shown
NAMED = 4  # koans that are named with a general mistake


def stats(numbers: Stats, width: int) -> RenderableType:
    """All charts, one below the other, for a terminal of `width` columns, at least 60."""
    remembered, reviewed = numbers.remembered
    head = f"{numbers.passed} of {numbers.koans} koans passed, {numbers.unlocked} of {numbers.cards} cards unlocked, "
    parts: list[RenderableType] = [Text(head + count(numbers.reviews, "review"), "bold"), Text()]
    parts += _section("passes by day", _by_day(numbers.passes, width))
    parts += _section("rungs by chapter: koans passed, by the kind of work", _rungs(numbers, width))
    if reviewed:
        share = f"retention: {100 * remembered / reviewed:.0f} % of {count(reviewed, 'review')}"
        title = f"{share} a day or more after the last review; your goal is {100 * numbers.wanted:.0f} %"
        parts += _section(title, _months(numbers, width))
    else:
        parts += [Text("retention: no card has been reviewed on a second day yet", "dim"), Text()]
    parts += _section("your mistakes (the same text counts only once)", _mistakes(numbers))
    if numbers.general:
        parts += _section("mistakes that any koan can have", Group(*map(_general_mistake, numbers.general)))
    parts += _section("time to solve (minutes of work, without breaks)", _solving(numbers, width))
    rows = [(_name(day.day, number), str(day.count), day.count) for number, day in enumerate(numbers.coming[:7])]
    beyond = sum(day.count for day in numbers.coming[7:]) + numbers.later
    rest = [("later", str(beyond), 0)] if beyond else []
    parts += _section("cards coming up", _bars([*rows, *rest], width))
    return Group(*parts[:-1])


def _section(title: str, body: RenderableType | None) -> list[RenderableType]:
    return [Text(title, "dim"), body if body is not None else Text("nothing yet"), Text()]


def _bars(rows: Sequence[tuple[str, str, float]], width: int, style: str = "green") -> RenderableType | None:
    """A table of (name, number as text, value) with a bar for each value; None without rows."""
    if not rows:
        return None
    most = max(value for _, _, value in rows)
    length = max(8, min(40, width - 4 - max(len(name) for name, _, _ in rows) - max(len(n) for _, n, _ in rows)))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    for name, number, value in rows:
        table.add_row(name, number, Text(bar(value, most, length), style))
    return table


def _by_day(days: Sequence[Day], width: int) -> RenderableType | None:
    """A bar for each of the last days, then one for each week before them."""
    rows = [(_date(day.day), str(day.count), day.count) for day in reversed(days[-DAYS:])]
    older = [(f"week of {monday.day} {monday:%b}", str(n), n) for monday, n in reversed(weeks(days[:-DAYS]))]
    rest = Text(f"{sum(n for _, _, n in older[WEEKS:])} before that", "dim")
    bars = _bars([*rows, *older[:WEEKS]], width)
    return Group(bars, rest) if bars and older[WEEKS:] else bars


def _rungs(numbers: Stats, width: int) -> RenderableType:
    """A table of chapters by rungs: how many koans pass, of how many."""
    table = Table.grid(padding=(0, 2))
    names = [rung.removesuffix(" it") for rung in RUNGS]
    table.add_row("", *(Text(name if width >= 76 else name[:4], "dim") for name in names))
    for chapter_rungs in numbers.rungs:
        cells = []
        for rung in RUNGS:
            passed, total = chapter_rungs.passed.get(rung, 0), chapter_rungs.koans.get(rung, 0)
            style = "dim" if not passed else "green" if passed == total else "yellow"
            cells.append(Text(f"{passed}/{total}" if total else "", style))
        table.add_row(chapter_rungs.chapter if width >= 76 else chapter_rungs.chapter.partition("_")[0], *cells)
    meanings = Table.grid(padding=(0, 2))
    for rung, meaning in RUNG_MEANINGS.items():
        meanings.add_row(Text(rung, "dim"), Text(meaning, "dim"))
    return Group(table, Text(), meanings)


def _months(numbers: Stats, width: int) -> RenderableType | None:
    rows = [
        (
            month.month,
            f"{100 * month.remembered / month.reviews:.0f} % of {month.reviews}",
            month.remembered / month.reviews,
        )
        for month in numbers.retention[-12:]
    ]
    return _bars(rows, width, "cyan")


def _solving(numbers: Stats, width: int) -> RenderableType | None:
    medians = [(f"{rung} (median)", f"{minutes:.1f}", minutes) for rung, minutes in numbers.by_rung().items()]
    timed = [(solve.koan, f"{solve.minutes:.1f}", solve.minutes) for solve in numbers.solving if solve.minutes]
    slowest = sorted(timed, key=lambda row: -row[2])[:SLOWEST]
    return _bars([*medians, *slowest], width, "magenta")


def _mistakes(numbers: Stats) -> RenderableType | None:
    """The mistakes of single koans; None if there are none."""
    own = [mistake for mistake in numbers.mistakes if not mistake.family]
    parts: list[RenderableType] = [_mistake(mistake) for mistake in own[:MISTAKES]]
    if len(own) > MISTAKES:
        parts.append(Text(f"and {len(own) - MISTAKES} more: koans stats -o stats.html shows all", "dim"))
    return Group(*parts) if parts else None


def _mistake(mistake: Mistake) -> RenderableType:
    state = "passed since" if mistake.passed else "not passed since"
    facts = f"{mistake.koan}, last on {day_text(mistake.last)}, {state}"
    return _counted(mistake.times, mistake.sentence, facts, mistake.passed)


def _general_mistake(mistake: GeneralMistake) -> RenderableType:
    """A general mistake, with the koans that have not passed since, or else those that had it."""
    names = mistake.open or mistake.koans
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    state = "not passed since: " if mistake.open else "passed since: "
    facts = f"{count(len(mistake.koans), 'koan')}, last on {day_text(mistake.last)}, {state}{', '.join(names[:NAMED])}"
    return _counted(mistake.times, mistake.says, facts + more, not mistake.open)


def _counted(times: int, says: str, facts: str, passed: bool) -> RenderableType:
    """How often, what, and in a second line the facts about it."""
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", width=4)
    table.add_column(overflow="fold")
    table.add_row(Text(f"{times}×", "green" if passed else "yellow"), inline(one_line(says, LONGEST_MISTAKE)))
    table.add_row("", Text(facts, "dim"))
    return table


def _date(day: str) -> str:
    when = date.fromisoformat(day)
    return f"{when:%a} {when.day:>2} {when:%b}"


def _name(day: str, number: int) -> str:
    return "today" if number == 0 else "tomorrow" if number == 1 else _date(day)


def weeks(days: Sequence[Day]) -> list[tuple[date, int]]:
    """Counts by week, each with the Monday of its week."""
    by_week: dict[date, int] = {}
    for day in days:
        when = date.fromisoformat(day.day)
        monday = when - timedelta(when.weekday())
        by_week[monday] = by_week.get(monday, 0) + day.count
    return list(by_week.items())
