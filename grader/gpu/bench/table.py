"""The bench as tables for a terminal. Every line with a prediction says so."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from grader.gpu.bench.cells import Bench, BenchCell, BenchRow, Prediction


def tables(bench: Bench) -> RenderableType:
    parts: list[RenderableType] = [_measured(bench)]
    if bench.predictions:
        parts += [Text(), _predicted(bench)]
    if not bench.complete:
        parts.append(Text("stopped early: these are the results so far", "yellow"))
    return Group(*parts)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for column in ("tokens", "width", "mask", "way", *columns):
        left = column in ("mask", "way", "")
        table.add_column(column, justify="left" if left else "right", no_wrap=column != "")
    return table


def _cell(cell: BenchCell) -> list[str]:
    return [f"{cell.n:,}", str(cell.d), "causal" if cell.causal else ""]


def _measured(bench: Bench) -> Table:
    known = bench.facts.peak is not None
    table = _table(f"Measured on {bench.facts.name}, bf16", "ms", "±", "TFLOP/s", *["of roof"] * known, "")
    if not known:
        table.caption = "The peaks of this device are unknown, so no share of its roofline is shown."
        table.caption_justify = "left"
    previous = None
    for row in bench.rows:
        cell = _cell(row.cell) if row.cell != previous else ["", "", ""]
        table.add_row(*cell, row.way, *_figures(row, known))
        previous = row.cell
    return table


def _figures(row: BenchRow, known: bool) -> list[str]:
    if row.lack:
        return ["", "", "", *[""] * known, row.lack]
    share = [f"{100 * row.share:.0f} %"] if row.share is not None else []
    note = f"{row.calls} call{'s' * (row.calls != 1)}, {row.how}"
    return [f"{row.ms:.4g}", f"{100 * row.spread:.0f} %", f"{row.tflops:.3g}", *share, note]


def _predicted(bench: Bench) -> Table:
    title = f"PREDICTION, not measured: {bench.predicted_for}"
    table = _table(title, "ms at least", "no cache", "TFLOP/s")
    table.caption = (
        "Rooflines from counted bytes and FLOPs, with enough heads to fill the device (16,384 tokens and a width of "
        '2,048 in total). "ms at least" and "TFLOP/s": each byte crosses the bus once. "no cache": the time in ms if '
        "every requested byte comes from memory."
    )
    table.caption_justify = "left"
    previous = None
    for prediction in bench.predictions:
        cell = _cell(prediction.cell) if prediction.cell != previous else ["", "", ""]
        table.add_row(*cell, f"{prediction.way} (predicted)", *_bounds(prediction))
        previous = prediction.cell
    return table


def _bounds(prediction: Prediction) -> list[str]:
    return [f"{prediction.least_ms:.3g}", f"{prediction.most_ms:.3g}", f"{prediction.tflops(prediction.least_ms):.3g}"]
