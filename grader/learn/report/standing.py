"""A learner's standing, for a terminal: every koan with its standing, and the cards that a pass unlocked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.book.terminal import status_text
from grader.book.verdict import Status
from grader.book.workbook import Card, Koan, Track, Workbook
from grader.learn.progress import Standing

NARROW = 76  # columns; a narrower terminal gets no rungs and titles


def listing(
    workbook: Workbook,
    standings: Mapping[str, Standing],
    koans: Iterable[Koan],
    width: int,
    track: Track | None = None,
) -> RenderableType:
    """These koans with their standings, by chapter, for a terminal of `width` columns.

    The koans of the track have the number that they have in it.
    """
    places = {koan: f"{place}." for place, koan in enumerate(track.koans if track else (), 1)}
    parts: list[RenderableType] = []
    chosen = list(koans)
    for chapter in workbook.chapters:
        own = [k for k in chapter.koans if k in chosen]
        if not own:
            continue
        done = sum(standings[k.id].status == Status.passed for k in own)
        parts.append(Text.assemble((f"{chapter.id}  ", "bold"), chapter.title, (f"  {done}/{len(own)}", "dim")))
        table = Table.grid(padding=(0, 2), expand=False)
        if track:
            table.add_column(no_wrap=True, justify="right", min_width=3)
        for _ in range(3):
            table.add_column(no_wrap=True)  # so that only the title becomes shorter
        for koan in own:
            standing = standings[koan.id]
            status = status_text(
                standing.status,
                changed=standing.changed and width >= NARROW,
                in_notebook=standing.in_notebook and width >= NARROW,
            )
            row = [status, Text(koan.name)]
            if track:
                row.insert(0, Text(places.get(koan.id, ""), "cyan"))
            if width >= NARROW:
                row += [Text(koan.rung, "dim"), Text(koan.title, "dim", overflow="ellipsis", no_wrap=True)]
            table.add_row(*row)
        parts += [Padding(table, (0, 0, 0, 2)), Text()]
    passed = sum(s.status == Status.passed for s in standings.values())
    parts.append(Text(f"{passed} of {len(standings)} koans passed"))
    if track:
        parts.append(Text(f"the numbers are the order of your track, {track.id} (`koans track`)", "dim"))
    if any(standings[koan.id].in_notebook for koan in chosen):
        parts.append(Text("`koans notebook import FILE.ipynb` copies what passed in a notebook into exercises/", "dim"))
    return Group(*parts)


def unlocked(cards: Sequence[Card]) -> RenderableType:
    """A line for each card that a pass unlocked."""
    lines = [Text.assemble(("  card unlocked: ", "green"), card.id) for card in cards]
    return Group(*lines)
