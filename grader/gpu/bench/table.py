"""The bench as a table for a terminal. What is predicted says so in every line."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from grader.gpu.bench.cells import Bench, BenchCell, BenchRow, Prediction


def tables(found: Bench) -> RenderableType:
    parts: list[RenderableType] = [_measured(found)]
    if found.predictions:
        parts += [Text(), _predicted(found)]
    if not found.complete:
        parts.append(Text("stopped before the end: this is what there was", "yellow"))
    return Group(*parts)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for column in ("tokens", "width", "mask", "way", *columns):
        left = column in ("mask", "way", "")
        table.add_column(column, justify="left" if left else "right", no_wrap=column != "")
    return table


def _cell(cell: BenchCell) -> list[str]:
    return [f"{cell.n:,}", str(cell.d), "causal" if cell.causal else ""]


def _measured(found: Bench) -> Table:
    known = found.facts.peak is not None
    table = _table(f"Measured on {found.facts.name}, bf16", "ms", "±", "TFLOP/s", *["of roof"] * known, "")
    if not known:
        table.caption = "This device's peaks are not known here: no share of its roofline."
        table.caption_justify = "left"
    before = None
    for row in found.rows:
        cell = _cell(row.cell) if row.cell != before else ["", "", ""]
        table.add_row(*cell, row.way, *_figures(row, known))
        before = row.cell
    return table


def _figures(row: BenchRow, known: bool) -> list[str]:
    if row.lack:
        return ["", "", "", *[""] * known, row.lack]
    share = [f"{100 * row.share:.0f} %"] if row.share is not None else []
    note = f"{row.calls} call{'s' * (row.calls != 1)}, {row.how}"
    return [f"{row.ms:.4g}", f"{100 * row.spread:.0f} %", f"{row.tflops:.3g}", *share, note]


def _predicted(found: Bench) -> Table:
    title = f"PREDICTION, not measured: {found.predicted_for}"
    table = _table(title, "ms at least", "no cache", "TFLOP/s")
    table.caption = (
        "Rooflines of counted bytes and FLOPs, with enough heads to fill the device (16,384 tokens, 2,048 wide, in "
        "all). ms at least, and TFLOP/s then: each byte crosses the bus once. No cache: ms if all that is asked for "
        "comes from memory."
    )
    table.caption_justify = "left"
    before = None
    for one in found.predictions:
        cell = _cell(one.cell) if one.cell != before else ["", "", ""]
        table.add_row(*cell, f"{one.way} (predicted)", *_bounds(one))
        before = one.cell
    return table


def _bounds(one: Prediction) -> list[str]:
    return [f"{one.least_ms:.3g}", f"{one.most_ms:.3g}", f"{one.tflops(one.least_ms):.3g}"]
