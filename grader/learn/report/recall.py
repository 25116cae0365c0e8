"""Cards, their review and their listing, for a terminal; and what the other reports of learners share."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.book.verdict import one_line
from grader.book.workbook import Workbook
from grader.learn.cards.review_session import Summary
from grader.learn.cards.schedule import RATINGS
from grader.learn.due import CardStanding, ReturningKoan, day_of

COLORS = {1: "red", 2: "yellow", 3: "green", 4: "cyan"}
STYLES = {"due": "bold", "new": "cyan", "later": "dim", "locked": "dim"}
BAR = 24
LONGEST_MISTAKE = 500  # characters


def inline(text: str, style: str = "") -> Text:
    """The text of a card or a question, with what stands in backticks styled as code."""
    parts = re.split(r"`([^`]+)`", text.strip())
    return Text.assemble(*((part, "bold cyan" if i % 2 else style) for i, part in enumerate(parts)))


def span(seconds: float) -> str:
    """A length of time in its largest fitting unit, from seconds to years."""
    for size, unit in ((365.25 * 86400, "y"), (30 * 86400, "mo"), (86400, "d"), (3600, "h")):
        if seconds >= 0.995 * size:
            number = f"{seconds / size:.1f}".removesuffix(".0")
            return f"{number if size > 20 * 86400 else round(seconds / size)} {unit}"
    return f"{round(seconds / 60)} min" if seconds >= 59.5 else f"{round(seconds)} s"


def count(number: int, noun: str) -> str:
    """The number and the noun, with a plural s unless the number is 1."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def day(at: float | date | str) -> str:
    """A day of the learner's calendar, from seconds since 1970, from a date or from its ISO 8601 text."""
    when = day_of(at) if isinstance(at, float) else date.fromisoformat(at) if isinstance(at, str) else at
    return f"{when.day} {when:%b %Y}"


def when(due: float, now: float) -> str:
    """When something is due, in words. Both times are seconds since 1970."""
    if due <= now:
        return "now"
    if day_of(due) == day_of(now):
        return f"today at {datetime.fromtimestamp(due):%H:%M}"
    return f"on {day(due)}"


def card_front(standing: CardStanding, done: int, left: int) -> RenderableType:
    """The question of a card, why it comes up now, and how many ratings are `done` and cards `left` in the session."""
    why = "new" if standing.state == "new" else "due, because you missed a question on it" if standing.raised else "due"
    why += ", because of a mistake that you made" * (standing.mistake is not None and not standing.raised)
    head = Text.assemble((standing.card.chapter, "cyan"), f"  {why}", (f"  {done} done, {left} left", "dim"))
    return Group(head, Text(), inline(standing.card.front, "bold"))


def card_back(standing: CardStanding) -> RenderableType:
    """The answer of a card, its erratum, its source, and the koans that prove it, with those that have changed.

    The learner's mistake stands here and not with the question, because it may give the answer away.
    """
    card = standing.card
    parts: list[RenderableType] = [Text("─" * 24, "dim"), inline(card.back)]
    if erratum := card.erratum:
        parts += [Text(), Text.assemble((f"Erratum ({erratum.kind}). ", "bold yellow"), inline(erratum.words))]
    if card.citation:
        parts += [Text(), Text.assemble(("Source: ", "dim"), inline(card.citation, "dim"))]
    if standing.proofs:
        passed = f", passed on {day(standing.passed)}" if standing.passed else ""
        parts += [Text(), Text(f"proved by {', '.join(standing.proofs)}{passed}", "dim")]
    if standing.mistake:
        mistake = standing.mistake
        where = f"your mistake in {mistake.koan} on {day(mistake.at)}: "
        parts += [Text(), Text.assemble((where, "yellow"), inline(one_line(mistake.says, LONGEST_MISTAKE)))]
    for koan in standing.changed:
        parts.append(Text(_since_it_passed(koan, koan in standing.in_notebook), "yellow"))
    return Group(*parts)


def _since_it_passed(koan: str, in_notebook: bool) -> str:
    """What has become of the text of a koan that passed."""
    if in_notebook:
        return f"passed in a notebook: `koans notebook import FILE.ipynb` copies the answer into exercises/{koan}.py"
    return f"exercises/{koan}.py has changed since then, and may no longer pass"


def ratings(intervals: Mapping[int, float]) -> RenderableType:
    """The four ratings, and the seconds until the card would be due after each, in words."""
    table = Table.grid(padding=(0, 3))
    table.add_row(*(Text(f"{key} {RATINGS[key]}", COLORS[key]) for key in intervals))
    table.add_row(*(Text(span(seconds), "dim") for seconds in intervals.values()))
    return Group(Text(), table)


def summing_up(
    done: Summary, coming: Sequence[tuple[date, int]], later: int, waiting: Sequence[ReturningKoan]
) -> RenderableType:
    """The summary of a review session, the cards of the `coming` days, and the koans `waiting` for a re-solve."""
    reviews, seen = count(done.reviews, "review"), count(done.cards, "card")
    words = f"{reviews} of {seen}, {done.again} rated again, in {span(done.seconds)}"
    parts: list[RenderableType] = [Text(words if done.reviews else "nothing was reviewed", "bold")]
    parts += [Text(), forecast(coming, later)]
    if waiting:
        names = ", ".join(back.koan.name for back in waiting[:3]) + (" …" if len(waiting) > 3 else "")
        parts += [
            Text(),
            Text.assemble(f"{count(len(waiting), 'koan')} to solve again: {names}  ", ("koans again", "cyan")),
        ]
    return Group(*parts)


def forecast(coming: Sequence[tuple[date, int]], later: int) -> RenderableType:
    """A bar for each day, and the number of cards after these days."""
    largest = max((count for _, count in coming), default=0)
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="left")
    table.add_column(justify="right")
    for number, (when_, count) in enumerate(coming):
        name = "today" if number == 0 else "tomorrow" if number == 1 else f"{when_:%a} {when_.day} {when_:%b}"
        table.add_row(Text(name, "dim"), str(count), Text(bar(count, largest), "cyan"))
    if later:
        table.add_row(Text("later", "dim"), str(later))
    return Group(Text("coming up", "dim"), table)


def bar(count: float, largest: float, width: int = BAR) -> str:
    """A bar in steps of an eighth of a character, `width` characters long for `largest`. Only zero has no bar."""
    if not count or not largest:
        return ""
    eighths = max(1, round(8 * width * count / largest))
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def record(standing: CardStanding, misses: Mapping[str, int]) -> dict[str, Any]:
    """A card, its standing and its number of misses as one object for JSON. Times are ISO 8601 in UTC."""
    fields = msgspec.to_builtins(standing)
    if standing.mistake:
        fields["mistake"]["at"] = _iso(standing.mistake.at)
    card = fields.pop("card")
    for name in ("due", "passed"):
        fields[name] = _iso(fields[name])
    return {"id": card.pop("id"), **fields, **card, "misses": misses.get(standing.card.id, 0)}


def _iso(at: float | None) -> str | None:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) if at is not None else None


def listing(
    workbook: Workbook,
    standings: Sequence[CardStanding],
    to_review: int,
    backs: Sequence[ReturningKoan],
    now: float,
    *,
    every: bool,
) -> RenderableType:
    """Cards by chapter: the unlocked ones with when they are due, and how many locked ones wait for which koan.

    `to_review` is the number of cards to review today, of all chapters. With `every`, the locked cards are listed too.
    """
    parts: list[RenderableType] = []
    for chapter in workbook.chapters:
        own = [standing for standing in standings if standing.card.chapter == chapter.id]
        if not own:
            continue
        unlocked = [standing for standing in own if standing.state != "locked"]
        parts.append(
            Text.assemble((f"{chapter.id}  ", "bold"), chapter.title, (f"  {len(unlocked)}/{len(own)}", "dim"))
        )
        locked = [standing for standing in own if standing.state == "locked"]
        table = _card_table(unlocked, locked if every else (), now)
        if table.row_count:
            parts.append(Padding(table, (0, 0, 0, 2)))
        if locked and not every:
            parts.append(Padding(Text(f"{len(locked)} locked, waiting for {_blocking(locked)}", "dim"), (0, 0, 0, 2)))
        parts.append(Text())
    counts = Counter(standing.state for standing in standings)
    states = ", ".join(f"{counts[state]} {state}" for state in ("due", "new", "later", "locked"))
    parts.append(Text(f"{count(len(standings), 'card')}: {states}"))
    if to_review:
        parts.append(Text(f"{count(to_review, 'card')} to review (koans review)"))
    ready = sum(back.is_due for back in backs)
    if ready:
        parts.append(Text(f"{count(ready, 'koan')} to solve again (koans again)"))
    return Group(*parts)


def _card_table(unlocked: Iterable[CardStanding], locked: Iterable[CardStanding], now: float) -> Table:
    """A row for each card: its state, its id and a remark."""
    table = Table.grid(padding=(0, 2))
    for standing in unlocked:
        table.add_row(Text(standing.state, STYLES[standing.state]), Text(standing.card.id), _remark(standing, now))
    for standing in locked:
        table.add_row(Text("locked", "dim"), Text(standing.card.id, "dim"), Text(_waiting_for(standing), "dim"))
    return table


def _blocking(locked: Sequence[CardStanding]) -> str:
    """The koans that these locked cards wait for, with the number of cards that each would help to unlock."""
    proved = [standing for standing in locked if standing.card.evidence == "proved"]
    names = Counter(koan.partition("/")[2] for standing in proved for koan in standing.waits_for)
    return ", ".join(f"{name} ({n})" for name, n in names.items()) or "the whole chapter"


def _remark(standing: CardStanding, now: float) -> Text:
    """Why an unlocked card is due, or when it is due, and which of its proofs have changed."""
    text = Text(style="dim")
    if standing.raised:
        text.append("you missed a question on it  ", "yellow")
    elif standing.due is not None and standing.state == "later":
        text.append(f"due {when(standing.due, now)}  ")
    changed = [koan for koan in standing.changed if koan not in standing.in_notebook]
    remarks = [f"{', '.join(changed)} has changed since then, and may no longer pass"] * bool(changed)
    remarks += [f"{', '.join(standing.in_notebook)} passed in a notebook"] * bool(standing.in_notebook)
    text.append("; ".join(remarks), "yellow")
    return text


def _waiting_for(standing: CardStanding) -> str:
    """What a locked card waits for."""
    if standing.card.evidence == "cited":
        return f"waits for its chapter ({count(len(standing.waits_for), 'koan')} left); cited"
    names = (koan.removeprefix(f"{standing.card.chapter}/") for koan in standing.waits_for)
    return f"waits for {', '.join(names)}" + (" (to come)" if standing.card.pending else "")
