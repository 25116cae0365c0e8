"""A hunt's symptom in a terminal: curves, texts, histograms and counts, yours beside healthy ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text as Styled

from grader.book.symptom_run import SymptomRun
from grader.book.verdict import clean
from grader.learn.report.loss_plot import Curve as Drawn
from grader.learn.report.loss_plot import plot
from grader.learn.report.recall import bar
from reference.symptom import Counts, Curve, Histogram, Text, View

HEIGHT = 8  # rows of a curve
WIDEST = 78  # columns of a curve
BINS = 8  # of a histogram
TEXT_LINES = 6  # the most lines of a text
TEXT_LENGTH = 2000  # the most characters of a text that are looked at
YOURS, HEALTHY = "yours", "healthy"
STYLES = {YOURS: "red", HEALTHY: "green"}


class SymptomView:
    """The symptom for a terminal or a part of a screen, of any width."""

    def __init__(self, run: SymptomRun) -> None:
        self.run = run

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield _head(self.run)
        for yours, healthy in pairs(self.run):
            yield Styled()
            yield _view(yours, healthy, options.max_width, braille=not options.ascii_only)
        if self.run.problem:
            yield Styled()
            yield Styled(f"your code did not finish: {first_line(self.run)}", "red")


def first_line(run: SymptomRun) -> str:
    return next(iter(clean(run.problem).strip().splitlines()), "")


def pairs(run: SymptomRun) -> Iterator[tuple[View | None, View | None]]:
    """The views of both sides, each beside the other's. A side that was not shown has None."""
    shown = run.shown.views if run.shown is not None else ()
    healthy = run.healthy.views if run.healthy is not None else ()
    yield from zip_longest(shown, healthy)


def numbers(run: SymptomRun) -> str:
    """The number of each side, in one line."""
    sides = {YOURS: run.shown, HEALTHY: run.healthy}
    return ", ".join(f"{name} {number(side.number)}" for name, side in sides.items() if side is not None)


def number(value: float | None) -> str:
    return "not finite" if value is None or not math.isfinite(value) else f"{value:.4g}"


def finite(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def not_finite(values: Sequence[float | None]) -> str:
    """Where a curve stops being finite, in words. Empty if it never does."""
    first = next((n for n, value in enumerate(values) if value is None or not math.isfinite(value)), None)
    return "" if first is None else f"NaN or inf from {first} on"


def bins(sides: Sequence[Sequence[float | None]]) -> tuple[list[float], list[list[int]]]:
    """The edges of BINS equal bins over all finite values, and how many values each side has in each."""
    known = [value for side in sides for value in finite(side)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    width = (high - low) / BINS or 1.0
    counts = [[0] * BINS for _ in sides]
    for count, side in zip(counts, sides, strict=True):
        for value in finite(side):
            count[min(BINS - 1, int((value - low) / width))] += 1
    return [low + width * n for n in range(BINS + 1)], counts


def _head(run: SymptomRun) -> Styled:
    return Styled.assemble(("symptom: ", "dim"), run.measure, ": " * bool(numbers(run)), (numbers(run), "bold"))


def _view(yours: View | None, healthy: View | None, width: int, *, braille: bool) -> RenderableType:
    sides = {name: view for name, view in ((YOURS, yours), (HEALTHY, healthy)) if view is not None}
    title = Styled(clean(next(iter(sides.values())).title), "bold")
    curves = {name: view for name, view in sides.items() if isinstance(view, Curve)}
    if curves:
        return Group(title, *_curves(curves, width, braille=braille))
    histograms = {name: view for name, view in sides.items() if isinstance(view, Histogram)}
    if histograms:
        return Group(title, _histograms(histograms, width))
    counts = {name: view for name, view in sides.items() if isinstance(view, Counts)}
    if counts:
        return Group(title, _counts(counts))
    texts = {name: view for name, view in sides.items() if isinstance(view, Text)}
    return Group(title, *(line for name, view in texts.items() for line in _text(name, view)))


def _curves(sides: Mapping[str, Curve], width: int, *, braille: bool) -> Iterator[RenderableType]:
    total = max(len(view.values) for view in sides.values())
    drawn = [
        Drawn([math.nan if value is None else value for value in view.values], STYLES[name], dashed=name == HEALTHY)
        for name, view in reversed(list(sides.items()))
    ]
    any_side = next(iter(sides.values()))
    end = f"{total} steps" if any_side.x == "step" else f"{any_side.x} {total - 1}"
    yield plot(drawn, total, {}, min(width, WIDEST), HEIGHT, braille=braille, end=end)
    legend = Styled(f"{any_side.y}: ", "dim")
    legend.append(f"{YOURS} (a line)", STYLES[YOURS])
    if HEALTHY in sides:
        legend.append(f"   {HEALTHY} (dashed)", STYLES[HEALTHY])
    for name, view in sides.items():
        if words := not_finite(view.values):
            legend.append(f"   {name}: {words}", "bold")
    yield legend


def _histograms(sides: Mapping[str, Histogram], width: int) -> RenderableType:
    """A row for each bin, with a bar for each side as long as its share of the values."""
    edges, counts = bins([view.values for view in sides.values()])
    totals = [max(1, len(view.values)) for view in sides.values()]
    most = max(n / total for count, total in zip(counts, totals, strict=True) for n in count) or 1.0
    length = max(6, min(24, (width - 26) // 2))
    table = Table.grid(padding=(0, 2))
    table.add_row(Styled(next(iter(sides.values())).x, "dim"), *(Styled(name, STYLES[name]) for name in sides))
    for row in range(BINS):
        bars = (
            Styled(bar(count[row] / total, most, length), STYLES[name])
            for name, count, total in zip(sides, counts, totals, strict=True)
        )
        table.add_row(f"{edges[row]:.3g} to {edges[row + 1]:.3g}", *bars)
    odd = [len(view.values) - len(finite(view.values)) for view in sides.values()]
    if any(odd):
        table.add_row("not finite", *map(str, odd))
    return table


def _counts(sides: Mapping[str, Counts]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    for name in sides:
        table.add_column(justify="right", style=STYLES[name])
    table.add_row(Styled(next(iter(sides.values())).unit, "dim"), *sides)
    for row in dict.fromkeys(row for view in sides.values() for row in view.rows):
        table.add_row(clean(row), *(number(view.rows[row]) if row in view.rows else "" for view in sides.values()))
    return table


def _text(name: str, view: Text) -> Iterator[RenderableType]:
    yield Styled(f"{name}:", STYLES[name])
    lines = clean(view.text[:TEXT_LENGTH]).splitlines()
    for line in lines[:TEXT_LINES]:
        yield Padding(Styled(line), (0, 0, 0, 2))
    if len(lines) > TEXT_LINES or len(view.text) > TEXT_LENGTH:
        yield Styled("  …", "dim")
