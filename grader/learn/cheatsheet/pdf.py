"""The cheat sheet as a PDF, two columns a page, by fpdf2 with the DejaVu fonts that come with matplotlib."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

import matplotlib
import msgspec
from fpdf import FPDF

from grader.learn.cheatsheet.markdown import KEY, Mark, mark
from grader.learn.cheatsheet.sheet import KeyFact, MissedQuestion, Paper, Sheet, SheetRow

PAPERS: dict[Paper, tuple[float, float]] = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}  # mm
assert set(PAPERS) == set(get_args(Paper))

MARGIN, GUTTER, INDENT = 11.0, 6.0, 3.6  # mm
SIZES = (7.5, 6.8, 6.4)  # pt; the first at which the sheet fits PAGES pages is used, or else the last
PAGES = 2  # both sides of one sheet of paper
LEADING = 0.445  # mm of line height for each pt of type size
INK, DIM, GREEN, BROWN, GREY = (0, 0, 0), (80, 80, 80), (27, 122, 61), (138, 75, 0), (221, 221, 221)
COLORS: dict[Mark, tuple[int, int, int]] = {"✓": GREEN, "!": BROWN, "○": DIM}

Draw = Callable[[float, float], object]


class Block(msgspec.Struct):
    """A part that is never split between columns. `height` is in mm; `draw` draws it at (x, y), in mm.

    `keep_with_next` says that it may not be the last block of a column.
    """

    height: float
    draw: Draw
    keep_with_next: bool = False


def render(sheet: Sheet, paper: Paper = "a4") -> bytes:
    """The bytes of the file."""
    for size in SIZES:
        layout = _Layout(sheet, PAPERS[paper], size)
        blocks = [*_blocks(sheet, layout)]
        positions = layout.positions(blocks)
        if max(position.page for position in positions) < PAGES:
            break
    layout.draw(blocks, positions)
    return bytes(layout.pdf.output())


class Position(msgspec.Struct, frozen=True):
    """A page, counted from 0, and a point on it, in mm from its top left corner."""

    page: int
    x: float
    y: float


class _Layout:
    """Lays out blocks in two columns per page, the left one first. The title is above both columns of page 0."""

    def __init__(self, sheet: Sheet, paper: tuple[float, float], size: float) -> None:
        self.size = size
        self.pdf = FPDF(format=paper)
        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        self.pdf.add_font("sans", "", fonts / "DejaVuSans.ttf")
        self.pdf.add_font("sans", "B", fonts / "DejaVuSans-Bold.ttf")
        self.pdf.set_auto_page_break(False)
        self.pdf.set_title(sheet.title)
        self.pdf.set_lang("en-GB")
        # A fixed date, so that the same sheet gives the same bytes.
        self.pdf.set_creation_date(datetime.datetime.fromisoformat(sheet.day).replace(tzinfo=datetime.UTC))
        self.pdf.add_page()
        self.width = (paper[0] - 2 * MARGIN - GUTTER) / 2
        self.bottom = paper[1] - MARGIN
        self.text(MARGIN, MARGIN, 2 * self.width, sheet.title, 5, bold=True)
        self.text(MARGIN, MARGIN + 6, 2 * self.width, sheet.summary, color=DIM)
        self.top = MARGIN + 11

    def positions(self, blocks: Sequence[Block]) -> list[Position]:
        """The position of each block."""
        positions, page, column, y = [], 0, 0, self.top
        for i, block in enumerate(blocks):
            last = next(j for j in range(i, len(blocks)) if not blocks[j].keep_with_next or j == len(blocks) - 1)
            if y + sum(group.height for group in blocks[i : last + 1]) > self.bottom:
                page, column = page + column, 1 - column
                y = self.top if page == 0 else MARGIN
            positions.append(Position(page, MARGIN + column * (self.width + GUTTER), y))
            y += block.height
        return positions

    def draw(self, blocks: Sequence[Block], positions: Sequence[Position]) -> None:
        for block, position in zip(blocks, positions, strict=True):
            while self.pdf.page <= position.page:
                self.pdf.add_page()
            block.draw(position.x, position.y)

    def text(
        self,
        x: float,
        y: float,
        width: float,
        text: str,
        larger: float = 0,
        *,
        bold: bool = False,
        color: tuple[int, int, int] = INK,
        align: Literal["L", "R"] = "L",
        dry_run: bool = False,
    ) -> float:
        """Draw a text and return its height in mm. `larger` is added to the type size, in pt.

        With `dry_run` the text is measured and not drawn.
        """
        size = self.size + larger
        self.pdf.set_font("sans", "B" if bold else "", size)
        self.pdf.set_text_color(*color)
        self.pdf.set_xy(x, y)
        self.pdf.c_margin = 0
        height = self.pdf.multi_cell(
            width, size * LEADING, text.replace("`", ""), align=align, dry_run=dry_run, output="HEIGHT"
        )
        assert isinstance(height, float | int)
        return height

    def heading(self, text: str, larger: float, above: float) -> Block:
        """A heading with a space of `above` mm over it."""
        height = above + self.text(0, 0, self.width, text, larger, bold=True, dry_run=True)

        def draw(x: float, y: float) -> None:
            self.text(x, y + above, self.width, text, larger, bold=True)

        return Block(height, draw, keep_with_next=True)

    def note(self, text: str) -> Block:
        """A line of small gray text under a heading."""
        height = self.text(0, 0, self.width, text, -0.8, dry_run=True)
        return Block(height, lambda x, y: self.text(x, y, self.width, text, -0.8, color=DIM), keep_with_next=True)

    def row(self, row: SheetRow, *, keep_with_next: bool) -> Block:
        """A chapter at a glance: number, title, a bar of progress, and two counts."""
        line, count, bar = self.size * LEADING, 12.0, 12.0

        def draw(x: float, y: float) -> None:
            self.text(x, y, INDENT + 2, row.number, color=DIM)
            title = row.title
            room = self.width - INDENT - 2 - 2 * count - bar
            while self.pdf.get_string_width(title) > room:
                title = title.removesuffix("…")[:-1].rstrip() + "…"
            self.text(x + INDENT + 2, y, room + 1, title)
            right = x + self.width
            for n, (part, whole) in enumerate(((row.unlocked, row.cards), (row.passed, row.koans))):
                self.text(right - (n + 1) * count, y, count, f"{part}/{whole}", align="R")
            left, top = right - 2 * count - bar, y + line / 2 - 0.7
            for color, width in ((GREY, bar), (GREEN, bar * row.passed / max(row.koans, 1))):
                if width:
                    self.pdf.set_fill_color(*color)
                    self.pdf.rect(left, top, width, 1.4, style="F")

        return Block(line + 0.3, draw, keep_with_next)

    def fact(self, fact: KeyFact) -> Block:
        """A key fact with its mark; a fact that was missed is bold."""
        symbol = mark(fact)
        text = f"{fact.text} (missed {fact.missed} ×)" if fact.missed else fact.text
        width, bold = self.width - INDENT, bool(fact.missed)

        def draw(x: float, y: float) -> None:
            self.text(x, y, INDENT, symbol, color=COLORS[symbol])
            self.text(x + INDENT, y, width, text, bold=bold)

        return Block(self.text(0, 0, width, text, bold=bold, dry_run=True) + 0.45, draw)

    def question(self, question: MissedQuestion) -> Block:
        """A question in bold, and its answer below it."""
        heading = f"{question.missed} × {question.prompt}" if question.missed else question.prompt
        heading_height = self.text(0, 0, self.width, heading, bold=True, dry_run=True)
        height = heading_height + self.text(0, 0, self.width, question.answer, dry_run=True)

        def draw(x: float, y: float) -> None:
            self.text(x, y, self.width, heading, bold=True)
            self.text(x, y + heading_height, self.width, question.answer)

        return Block(height + 1.2, draw)


def _blocks(sheet: Sheet, layout: _Layout) -> Iterator[Block]:
    if sheet.missed:
        yield layout.heading("Missed most", 2, 0)
        yield from (layout.question(question) for question in sheet.missed)
    if len(sheet.rows) > 1:
        yield layout.heading("Chapters at a glance", 2, 2 if sheet.missed else 0)
        yield layout.note("koans passed, cards unlocked")
        yield from (layout.row(row, keep_with_next=row is not sheet.rows[-1]) for row in sheet.rows)
    yield layout.heading("Key facts", 2, 2)
    yield layout.note(KEY)
    for part in sheet.parts:
        if len(sheet.parts) > 1:
            yield layout.heading(f"{part.number} {part.title}", 0.6, 1.6)
        yield from (layout.fact(fact) for fact in part.facts)
        if part.others:
            yield layout.heading("The other cards", 2, 2)
            yield from (layout.question(question) for question in part.others)
