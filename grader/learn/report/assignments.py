"""Assignments for a terminal and as JSON: when they are due, and how far the learner is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.book.points import amount
from grader.book.terminal import status_text
from grader.learn.assignments import AssignmentStanding
from grader.learn.progress import Standing

MINUTES, HOURS, DAYS = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def lines(found: AssignmentStanding, now: datetime) -> list[Text]:
    """The assignment in one or two lines: its title, when it is due in the local time, and what is passed."""
    one = found.assignment
    when = Text()
    if found.state == "not open yet" and one.opens is not None:
        when = Text(f"opens {_local(one.opens)}", "dim")
    elif one.due is not None:
        left = one.due - now
        told = f"in {_length(left)}" if left > timedelta() else "over"
        soon = "yellow" if timedelta() < left < DAYS else "dim"
        when = Text.assemble(f"due {_local(one.due)}, ", (told, soon))
    points = f"{amount(found.earned)} of {amount(found.points)} points"
    done = f"{len(found.passed)} of {len(found.koans)} koans passed, {points}"
    head = Text.assemble((one.title, "bold"), "  ", when) if when else Text(one.title, "bold")
    rest = [Text(f"  {done}", "dim")]
    if found.state != "not open yet" and one.late and one.due is not None:
        rest.append(Text(f"  {one.late}", "dim"))
    return [head, *rest]


def listing(found: AssignmentStanding, standings: dict[str, Standing], now: datetime) -> RenderableType:
    """The koans of the assignment with their standing and points."""
    table = Table.grid(padding=(0, 2), expand=False)
    for _ in range(4):
        table.add_column(no_wrap=True)
    for one in found.koans:
        points = f"{amount(one.points)} point{'' if one.points == 1 else 's'}" + (", extra credit" if one.extra else "")
        table.add_row(status_text(standings[one.koan].status), Text(one.koan), Text(points, "dim"))
    rule = [Text(f"  {found.assignment.partial}", "dim")] if found.assignment.partial else []
    return Group(*lines(found, now), *rule, Text(), Padding(table, (0, 0, 0, 2)))


def record(found: AssignmentStanding) -> dict[str, Any]:
    """The assignment as one object for JSON."""
    one = found.assignment
    return {
        "name": one.name,
        "title": one.title,
        "state": found.state,
        "opens": one.opens and one.opens.isoformat(),
        "due": one.due and one.due.isoformat(),
        "late": one.late,
        "partial": one.partial,
        "koans": msgspec.to_builtins([koan.koan for koan in found.koans]),
        "passed": list(found.passed),
        "earned": found.earned,
        "points": found.points,
    }


def _local(time: datetime) -> str:
    return f"{time.astimezone():%a %d %b %Y, %H:%M}"


def _length(left: timedelta) -> str:
    """A length of time, rounded down: "3 days", "5 h", "20 min"."""
    if left >= 2 * DAYS:
        return f"{left // DAYS} days"
    if left >= 2 * HOURS:
        return f"{left // HOURS} h"
    return f"{max(1, left // MINUTES)} min"
