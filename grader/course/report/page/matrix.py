"""Every koan of every student: a table for each chapter, so that none is wider than a sheet of paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from grader.book.verdict import SYMBOLS, Status
from grader.course.report.page.markup import heading, row_name, text
from grader.course.report.page.overview import CLASSES, LOOKS, Cell, Overview

RANKS = {look: i for i, (look, _) in enumerate(LOOKS)}  # how columns are sorted
NOT_GRADED = len(LOOKS)


def matrix(overview: Overview, titles: Mapping[str, str]) -> Iterable[str]:
    """`titles` are the titles of chapters."""
    yield '<section id="matrix"><h2>Koan by koan</h2>'
    symbols = {CLASSES[status]: symbol for status, symbol in SYMBOLS.items()}
    yield '<ul class="key">'
    yield from (f'<li><span class="{look}">{symbols[look]}</span>{words}</li>' for look, words in LOOKS)
    yield "</ul>"
    for chapter, koans in overview.chapters.items():
        title = f"{chapter}: {titles[chapter]}" if chapter in titles else chapter
        yield f'<div class="wide"><table class="grid"><caption>{text(title)}</caption><thead><tr>'
        yield heading("submission", "ascending", "who")
        yield from (heading(koan.partition("/")[2], "ascending", "k", koan, k=koan) for koan in koans)
        yield '</tr></thead><tbody data-rows="">'
        yield from _rows(overview, koans)
        yield "</tbody></table></div>"
    yield "</section>"


def _rows(overview: Overview, koans: Sequence[str]) -> Iterator[str]:
    positions: dict[int, dict[str, int]] = {}  # of the koans of a row; most rows have the same tuple of koans
    for row in overview.rows:
        at = positions.setdefault(id(row.koans), {koan: i for i, koan in enumerate(row.koans)})
        cells = "".join(_cell(koan, row.cells[at[koan]] if koan in at else None) for koan in koans)
        yield f"<tr>{row_name(row.label, row.number)}{cells}</tr>"


def _cell(koan: str, cell: Cell | None) -> str:
    if cell is None:
        return f'<td class="n" data-v="{NOT_GRADED}"></td>'
    look, symbol = CLASSES[cell.status], SYMBOLS[cell.status]
    fast = f"; fast: {cell.fast.value}" if cell.fast else ""
    compiled = f"; compiled: {Status.not_run_here}" if cell.passed and cell.uncompiled else ""
    title = f"{koan}: {cell.status.value}{fast}{compiled}"
    return f'<td class="{look}" data-v="{RANKS[look]}"><abbr title="{text(title)}">{symbol}</abbr></td>'
