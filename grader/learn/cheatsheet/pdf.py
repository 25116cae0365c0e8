"""The cheat sheet as a PDF, two columns a page, by fpdf2 with the DejaVu fonts that come with matplotlib."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

import matplotlib
import msgspec
from fpdf import FPDF

from grader.learn.cheatsheet.markdown import KEY, mark
from grader.learn.cheatsheet.sheet import KeyFact, MissedQuestion, Sheet, SheetRow

Paper = Literal["a4", "letter"]
PAPERS: dict[Paper, tuple[float, float]] = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
assert set(PAPERS) == set(get_args(Paper))

MARGIN, GUTTER, INDENT = 11.0, 6.0, 3.6  # mm
SIZES = (7.5, 6.8)  # pt: the largest with which it fits one sheet of paper, or the last
PAGES = 2
LEADING = 0.445  # mm of line for each pt of type
INK, DIM, GREEN, BROWN, GREY = (0, 0, 0), (80, 80, 80), (27, 122, 61), (138, 75, 0), (221, 221, 221)
COLOURS = {"✓": GREEN, "!": BROWN, "○": DIM}

Draw = Callable[[float, float], object]


class Block(msgspec.Struct):
    """What is not broken over columns: its height in mm and how to draw it at (x, y). `keeps`: not last in a column."""

    height: float
    draw: Draw
    keeps: bool = False


def render(sheet: Sheet, paper: Paper = "a4") -> bytes:
    """The whole file."""
    for size in SIZES:
        layout = _Layout(sheet, PAPERS[paper], size)
        blocks = [*_blocks(sheet, layout)]
        places = layout.places(blocks)
        if max(place.page for place in places) < PAGES:
            break
    layout.draw(blocks, places)
    return bytes(layout.pdf.output())


class Place(msgspec.Struct, frozen=True):
    """A page, counted from 0, and a point on it in mm from the top left."""

    page: int
    x: float
    y: float


class _Layout:
    """Two columns a page, filled from the left; the title stands over those of the first."""

    def __init__(self, sheet: Sheet, paper: tuple[float, float], size: float) -> None:
        self.size = size
        self.pdf = FPDF(format=paper)
        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        self.pdf.add_font("sans", "", fonts / "DejaVuSans.ttf")
        self.pdf.add_font("sans", "B", fonts / "DejaVuSans-Bold.ttf")
        self.pdf.set_auto_page_break(False)
        self.pdf.set_title(sheet.title)
        self.pdf.set_lang("en-GB")
        # The same sheet gives the same bytes.
        self.pdf.set_creation_date(datetime.datetime.fromisoformat(sheet.day).replace(tzinfo=datetime.UTC))
        self.pdf.add_page()
        self.width = (paper[0] - 2 * MARGIN - GUTTER) / 2
        self.bottom = paper[1] - MARGIN
        self.text(MARGIN, MARGIN, 2 * self.width, sheet.title, 5, bold=True)
        self.text(MARGIN, MARGIN + 6, 2 * self.width, sheet.summary, colour=DIM)
        self.top = MARGIN + 11

    def places(self, blocks: Sequence[Block]) -> list[Place]:
        """Where each block goes."""
        found, page, column, y = [], 0, 0, self.top
        for i, block in enumerate(blocks):
            last = next(j for j in range(i, len(blocks)) if not blocks[j].keeps or j == len(blocks) - 1)
            if y + sum(one.height for one in blocks[i : last + 1]) > self.bottom:
                page, column = page + column, 1 - column
                y = self.top if page == 0 else MARGIN
            found.append(Place(page, MARGIN + column * (self.width + GUTTER), y))
            y += block.height
        return found

    def draw(self, blocks: Sequence[Block], places: Sequence[Place]) -> None:
        for block, place in zip(blocks, places, strict=True):
            while self.pdf.page <= place.page:
                self.pdf.add_page()
            block.draw(place.x, place.y)

    def text(
        self,
        x: float,
        y: float,
        width: float,
        text: str,
        larger: float = 0,
        *,
        bold: bool = False,
        colour: tuple[int, int, int] = INK,
        align: str = "L",
        dry: bool = False,
    ) -> float:
        """Set a text, `larger` pt larger than the rest, and give its height; `dry` only measures."""
        size = self.size + larger
        self.pdf.set_font("sans", "B" if bold else "", size)
        self.pdf.set_text_color(*colour)
        self.pdf.set_xy(x, y)
        self.pdf.c_margin = 0
        height = self.pdf.multi_cell(
            width, size * LEADING, text.replace("`", ""), align=align, dry_run=dry, output="HEIGHT"
        )
        assert isinstance(height, float | int)
        return height

    def heading(self, text: str, larger: float, above: float) -> Block:
        height = above + self.text(0, 0, self.width, text, larger, bold=True, dry=True)
        return Block(height, lambda x, y: self.text(x, y + above, self.width, text, larger, bold=True), keeps=True)

    def note(self, text: str) -> Block:
        height = self.text(0, 0, self.width, text, -0.8, dry=True)
        return Block(height, lambda x, y: self.text(x, y, self.width, text, -0.8, colour=DIM), keeps=True)

    def row(self, row: SheetRow, *, keeps: bool) -> Block:
        line, count, bar = self.size * LEADING, 12.0, 12.0

        def draw(x: float, y: float) -> None:
            self.text(x, y, INDENT + 2, row.number, colour=DIM)
            title = row.title
            room = self.width - INDENT - 2 - 2 * count - bar
            while self.pdf.get_string_width(title) > room:
                title = title.removesuffix("…")[:-1].rstrip() + "…"
            self.text(x + INDENT + 2, y, room + 1, title)
            right = x + self.width
            for n, (part, whole) in enumerate(((row.proven, row.cards), (row.passed, row.koans))):
                self.text(right - (n + 1) * count, y, count, f"{part}/{whole}", align="R")
            left, top = right - 2 * count - bar, y + line / 2 - 0.7
            for colour, width in ((GREY, bar), (GREEN, bar * row.passed / max(row.koans, 1))):
                if width:
                    self.pdf.set_fill_color(*colour)
                    self.pdf.rect(left, top, width, 1.4, style="F")

        return Block(line + 0.3, draw, keeps)

    def fact(self, fact: KeyFact) -> Block:
        symbol = mark(fact)
        says = f"{fact.says} (missed {fact.missed} ×)" if fact.missed else fact.says
        width, bold = self.width - INDENT, bool(fact.missed)

        def draw(x: float, y: float) -> None:
            self.text(x, y, INDENT, symbol, colour=COLOURS[symbol])
            self.text(x + INDENT, y, width, says, bold=bold)

        return Block(self.text(0, 0, width, says, bold=bold, dry=True) + 0.45, draw)

    def asked(self, one: MissedQuestion) -> Block:
        ask = f"{one.missed} × {one.ask}" if one.missed else one.ask
        first = self.text(0, 0, self.width, ask, bold=True, dry=True)
        height = first + self.text(0, 0, self.width, one.answer, dry=True)

        def draw(x: float, y: float) -> None:
            self.text(x, y, self.width, ask, bold=True)
            self.text(x, y + first, self.width, one.answer)

        return Block(height + 1.2, draw)


def _blocks(sheet: Sheet, layout: _Layout) -> Iterator[Block]:
    if sheet.missed:
        yield layout.heading("Missed most", 2, 0)
        yield from (layout.asked(one) for one in sheet.missed)
    if len(sheet.rows) > 1:
        yield layout.heading("Chapters at a glance", 2, 2 if sheet.missed else 0)
        yield layout.note("koans passed, cards proven")
        yield from (layout.row(row, keeps=row is not sheet.rows[-1]) for row in sheet.rows)
    yield layout.heading("Key facts", 2, 2)
    yield layout.note(KEY)
    for part in sheet.parts:
        if len(sheet.parts) > 1:
            yield layout.heading(f"{part.number} {part.title}", 0.6, 1.6)
        yield from (layout.fact(fact) for fact in part.facts)
        if part.others:
            yield layout.heading("The other cards", 2, 2)
            yield from (layout.asked(one) for one in part.others)
