"""Assignments for a terminal and as JSON: koans, points, dates and exceptions."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.book.points import amount
from grader.book.verdict import one_line
from grader.course.assignment import Worth, due, late_rule, opens, partial_rule
from grader.course.scheme import Scheme


def time(when: datetime) -> str:
    """A time with its zone: "Fri 20 Nov 2026, 23:59 CET"."""
    return f"{when:%a %d %b %Y, %H:%M %Z}"


def summary(scheme: Scheme) -> RenderableType:
    """Two lines: the title with its dates, and koans, points and exceptions."""
    start, end = opens(scheme.assignment), due(scheme.assignment)
    dates = [f"opens {time(start)}"] if start else []
    dates += [f"due {time(end)}"] if end else ["never due"]
    facts = [_count(len(scheme.koans), "koan"), f"{_points(scheme)} points"]
    if extra := _extra(scheme):
        facts.append(f"{extra} of extra credit")
    facts += [_count(len(scheme.assignment.groups), "group")] if scheme.assignment.groups else []
    facts += [_count(len(scheme.extensions.rows), "extension")] if scheme.extensions.rows else []
    facts += [_count(len(scheme.overrides.rows), "override")] if scheme.overrides.rows else []
    name = Text(f"  {scheme.file.parent}", "dim")
    return Group(
        Text.assemble((one_line(scheme.title), "bold"), name),
        Text(f"  {'; '.join(dates)}"),
        Text(f"  {', '.join(facts)}"),
    )


def details(scheme: Scheme) -> RenderableType:
    """The summary, the rules in words, every koan with its points, and every exception."""
    table = Table.grid(padding=(0, 2), expand=False)
    table.add_column(justify="right", no_wrap=True)
    for _ in range(2):
        table.add_column(no_wrap=True)
    for koan, worth in scheme.koans.items():
        table.add_row(amount(float(worth.points)), koan, Text(_remarks(worth), "dim"))
    rules = [late_rule(scheme.assignment), partial_rule(scheme.assignment)]
    rules += [f"of several hand-ins, the {scheme.assignment.counts} counts"]
    one = scheme.assignment.seeds == "class"
    rules.append("one seed for the class" if one else "a seed for each student")
    rules += [] if scheme.secret else ["no secret: each grading draws a seed, which it shows"]
    rows = [f"{row.student}: more time {row.words}" for row in scheme.extensions.rows]
    rows += [
        f"{row.student}: {amount(float(row.points))} points for {row.koan or 'the whole assignment'} {row.words}"
        for row in scheme.overrides.rows
    ]
    return Group(
        summary(scheme),
        *(Text(f"  {rule}", "dim") for rule in rules),
        *(Text(f"  {one_line(row, 300)}") for row in rows),
        Text(),
        Padding(table, (0, 0, 0, 2)),
    )


def record(scheme: Scheme) -> dict[str, Any]:
    """The assignment as one object for JSON. It does not tell the secret."""
    start, end = opens(scheme.assignment), due(scheme.assignment)
    return {
        "name": scheme.name,
        "file": str(scheme.file),
        "title": scheme.title,
        "opens": start and start.isoformat(),
        "due": end and end.isoformat(),
        "late": late_rule(scheme.assignment),
        "counts": scheme.assignment.counts,
        "seeds": scheme.assignment.seeds,
        "points": float(sum((w.points for w in scheme.koans.values() if not w.extra), Fraction())),
        "koans": [
            {"koan": koan, "points": float(worth.points), "extra": worth.extra, "partial": _partial(worth)}
            for koan, worth in scheme.koans.items()
        ],
        "groups": {name: list(members) for name, members in scheme.assignment.groups.items()},
        "extensions": [
            {
                "student": row.student,
                "due": until and until.isoformat(),
                "comment": row.comment,
                "by": row.by,
                "at": row.at,
            }
            for row in scheme.extensions.rows
            for until in [row.of(end)]
        ],
        "overrides": [
            {
                "student": row.student,
                "koan": row.koan,
                "points": float(row.points),
                "comment": row.comment,
                "by": row.by,
                "at": row.at,
            }
            for row in scheme.overrides.rows
        ],
    }


def _points(scheme: Scheme) -> str:
    return amount(float(sum((worth.points for worth in scheme.koans.values() if not worth.extra), Fraction())))


def _extra(scheme: Scheme) -> str:
    extra = [worth.points for worth in scheme.koans.values() if worth.extra]
    return amount(float(sum(extra, Fraction()))) if extra else ""


def _partial(worth: Worth) -> str:
    return worth.partial if isinstance(worth.partial, str) else f"{float(100 * worth.partial):g}%"


def _remarks(worth: Worth) -> str:
    words = ["extra credit"] if worth.extra else []
    partial = _partial(worth)
    words += {"none": [], "tests": ["partial: share of tests"]}.get(partial, [f"partial: {partial}"])
    return ", ".join(words)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
