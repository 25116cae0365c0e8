"""What is on the screen when cards, questions and re-solves are worked through, and the listing of cards."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.book.workbook import Workbook
from grader.learn.cards.review_session import Summary
from grader.learn.cards.schedule import RATINGS
from grader.learn.deck import Back, CardStanding, day_of

COLOURS = {1: "red", 2: "yellow", 3: "green", 4: "cyan"}
LOOKS = {"due": "bold", "new": "cyan", "later": "dim", "locked": "dim"}
BAR = 24


def inline(text: str, style: str = "") -> Text:
    """A card's or question's text, with its `code` as code."""
    parts = re.split(r"`([^`]+)`", text.strip())
    return Text.assemble(*((part, "bold cyan" if i % 2 else style) for i, part in enumerate(parts)))


def span(seconds: float) -> str:
    """A length of time in the largest unit that fits."""
    for size, unit in ((365.25 * 86400, "y"), (30 * 86400, "mo"), (86400, "d"), (3600, "h")):
        if seconds >= 0.995 * size:
            number = f"{seconds / size:.1f}".removesuffix(".0")
            return f"{number if size > 20 * 86400 else round(seconds / size)} {unit}"
    return f"{round(seconds / 60)} min" if seconds >= 59.5 else f"{round(seconds)} s"


def count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def day(at: float | date) -> str:
    when = day_of(at) if isinstance(at, float) else at
    return f"{when.day} {when:%b %Y}"


def when(due: float, now: float) -> str:
    """When something is due, as one would say it."""
    if due <= now:
        return "now"
    if day_of(due) == day_of(now):
        return f"today at {datetime.fromtimestamp(due):%H:%M}"
    return f"on {day(due)}"


def card_front(held: CardStanding, left: int) -> RenderableType:
    why = "new" if held.state == "new" else "due, a question on it was missed" if held.raised else "due"
    head = Text.assemble((held.card.chapter, "cyan"), f"  {why}", (f"  {left} left", "dim"))
    return Group(head, Text(), inline(held.card.front, "bold"))


def card_back(held: CardStanding) -> RenderableType:
    """The answer, what the source got wrong, what proves it and whether that still passes."""
    card = held.card
    parts: list[RenderableType] = [Text("─" * 24, "dim"), inline(card.back)]
    if card.erratum:
        parts += [Text(), Text.assemble(("Erratum. ", "bold yellow"), inline(card.erratum))]
    if card.citation:
        parts += [Text(), Text.assemble(("Source: ", "dim"), inline(card.citation, "dim"))]
    if held.proofs:
        passed = f", passed on {day(held.passed)}" if held.passed else ""
        parts += [Text(), Text(f"proved by {', '.join(held.proofs)}{passed}", "dim")]
    for koan in held.changed:
        parts.append(Text(f"exercises/{koan}.py has changed since and is not known to pass", "yellow"))
    return Group(*parts)


def ratings(intervals: Mapping[int, float]) -> RenderableType:
    """The four keys, and when the card would be back."""
    table = Table.grid(padding=(0, 3))
    table.add_row(*(Text(f"{key} {RATINGS[key]}", COLOURS[key]) for key in intervals))
    table.add_row(*(Text(span(seconds), "dim") for seconds in intervals.values()))
    return Group(Text(), table)


def summing_up(
    done: Summary, coming: Sequence[tuple[date, int]], later: int, waiting: Sequence[Back]
) -> RenderableType:
    """What came of a sitting, and the coming days."""
    reviews, seen = count(done.reviews, "review"), count(done.cards, "card")
    words = f"{reviews} of {seen}, {done.again} rated again, in {span(done.seconds)}"
    parts: list[RenderableType] = [Text(words if done.reviews else "nothing was reviewed", "bold")]
    parts += [Text(), forecast(coming, later)]
    if waiting:
        names = ", ".join(back.koan.name for back in waiting[:3]) + (" …" if len(waiting) > 3 else "")
        parts += [
            Text(),
            Text.assemble(f"{count(len(waiting), 'koan')} back for a re-solve: {names}  ", ("koans again", "cyan")),
        ]
    return Group(*parts)


def forecast(coming: Sequence[tuple[date, int]], later: int) -> RenderableType:
    """A bar a day, and how many come after these."""
    most = max((count for _, count in coming), default=0)
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="left")
    table.add_column(justify="right")
    for number, (when_, count) in enumerate(coming):
        name = "today" if number == 0 else "tomorrow" if number == 1 else f"{when_:%a} {when_.day} {when_:%b}"
        table.add_row(Text(name, "dim"), str(count), Text(bar(count, most), "cyan"))
    if later:
        table.add_row(Text("later", "dim"), str(later))
    return Group(Text("coming up", "dim"), table)


def bar(count: float, most: float, width: int = BAR) -> str:
    """Eighths of a cell make a bar; what is not zero can be seen."""
    if not count or not most:
        return ""
    eighths = max(1, round(8 * width * count / most))
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def record(held: CardStanding, misses: Mapping[str, int]) -> dict[str, Any]:
    """A card, where it stands and how often it was missed, in one table for JSON; times as ISO 8601 in UTC."""
    table = msgspec.to_builtins(held)
    card = table.pop("card")
    for name in ("due", "passed"):
        table[name] = _iso(table[name])
    return {"id": card.pop("id"), **table, **card, "misses": misses.get(held.card.id, 0)}


def _iso(at: float | None) -> str | None:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) if at is not None else None


def listing(
    workbook: Workbook, held: Sequence[CardStanding], backs: Sequence[Back], now: float, *, every: bool
) -> RenderableType:
    """Cards by chapter: what is unlocked and when it is back; of the locked ones how many wait for which koan."""
    parts: list[RenderableType] = []
    for chapter in workbook.chapters:
        own = [h for h in held if h.card.chapter == chapter.id]
        if not own:
            continue
        open_ = [h for h in own if h.state != "locked"]
        parts.append(Text.assemble((f"{chapter.id}  ", "bold"), chapter.title, (f"  {len(open_)}/{len(own)}", "dim")))
        table = Table.grid(padding=(0, 2))
        for h in open_:
            table.add_row(Text(h.state, LOOKS[h.state]), Text(h.card.id), _says(h, now))
        locked = [h for h in own if h.state == "locked"]
        if every:
            for h in locked:
                table.add_row(Text("locked", "dim"), Text(h.card.id, "dim"), Text(_waits(h), "dim"))
        if table.row_count:
            parts.append(Padding(table, (0, 0, 0, 2)))
        if locked and not every:
            names = Counter(k.partition("/")[2] for h in locked for k in h.waits_for if h.card.evidence == "proved")
            told = ", ".join(f"{name} ({n})" for name, n in names.items())
            parts.append(Padding(Text(f"{len(locked)} locked, by {told or 'the whole chapter'}", "dim"), (0, 0, 0, 2)))
        parts.append(Text())
    counts = Counter(h.state for h in held)
    parts.append(Text(", ".join(f"{counts[state]} {state}" for state in ("due", "new", "later", "locked"))))
    ready = sum(back.now for back in backs)
    if ready:
        parts.append(Text(f"{count(ready, 'koan')} back for a re-solve (koans again)"))
    return Group(*parts)


def _says(h: CardStanding, now: float) -> Text:
    told = Text(style="dim")
    if h.raised:
        told.append("a question on it was missed  ", "yellow")
    elif h.due is not None and h.state == "later":
        told.append(f"back {when(h.due, now)}  ")
    if h.changed:
        told.append(f"{', '.join(h.changed)} has changed and is not known to pass", "yellow")
    return told


def _waits(h: CardStanding) -> str:
    if h.card.evidence == "cited":
        return f"by its chapter ({count(len(h.waits_for), 'koan')} left); cited"
    names = (k.removeprefix(f"{h.card.chapter}/") for k in h.waits_for)
    return f"by {', '.join(names)}" + (" (to come)" if h.card.pending else "")
