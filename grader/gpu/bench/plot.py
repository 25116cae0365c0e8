"""The bench as two figures, each as PNG and SVG: speed by length, and the kernels on their roofline."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from grader.book.figure_style import style
from grader.book.files import write_file
from grader.gpu.bench.cells import Bench, BenchRow, Prediction
from grader.gpu.devices import H100, Peak

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = {"loops": "#8c564b", "einsum": "#7f7f7f", "triton": "#1f77b4", "yours": "#d62728", "sdpa": "#2ca02c"}
COLORS |= {"sdpa-flash": "#17becf", "sdpa-cudnn": "#bcbd22"}
MARKS = {"loops": "v", "einsum": "s", "triton": "o", "yours": "D", "sdpa": "^", "sdpa-flash": "<", "sdpa-cudnn": ">"}
NAMES = {"loops": "loops", "einsum": "einsum", "triton": "Triton (model)", "yours": "Triton (yours)", "sdpa": "SDPA"}
NAMES |= {"sdpa-flash": "SDPA, FlashAttention", "sdpa-cudnn": "SDPA, cuDNN"}


class Point(NamedTuple):
    """FLOPs per byte (x) and TFLOP/s (y) of a contestant: without caches, and at best."""

    way: str
    x: float
    y: float
    x_best: float
    y_best: float


def write(bench: Bench, folder: Path) -> list[Path]:
    """Write attention.png, attention.svg, roofline.png and roofline.svg; return the files.

    Raises KoansError without matplotlib, and if a file cannot be written.
    """
    written = []
    with style():
        for name, figure in (("attention", speeds(bench)), ("roofline", roofline(bench))):
            for kind in ("png", "svg"):
                file = folder / f"{name}.{kind}"
                metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {}
                drawn = io.BytesIO()
                figure.savefig(drawn, format=kind, dpi=150, metadata=metadata)
                write_file(file, drawn.getvalue())
                written.append(file)
    return written


def speeds(bench: Bench) -> Figure:
    """TFLOP/s by length, with a panel for each width and mask."""
    from matplotlib.figure import Figure

    widths = sorted({row.cell.d for row in bench.rows})
    figure = Figure(figsize=(4.2 * max(1, len(widths)), 7.2), layout="constrained")
    panels = figure.subplots(2, max(1, len(widths)), sharex=True, sharey=True, squeeze=False)
    for line, causal in zip(panels, (False, True), strict=True):
        for axes, d in zip(line, widths, strict=True):
            _panel(axes, bench, d, causal)
    lengths = sorted({row.cell.n for row in bench.rows})
    for axes in panels[-1]:
        axes.set_xscale("log", base=2)
        axes.set_xticks(lengths, [_length(n) for n in lengths])
        axes.set_xlabel("tokens")
    for line in panels:
        line[0].set_ylabel("TFLOP/s of the two products")
        line[0].set_yscale("log")
    every = dict(zip(*reversed(_handles(panels)), strict=True))
    figure.legend(every.values(), every.keys(), loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(_title(bench), fontsize=9)
    return figure


def _handles(panels: Any) -> tuple[list[Any], list[str]]:
    handles, labels = [], []
    for line in panels:
        for axes in line:
            of_panel = axes.get_legend_handles_labels()
            handles += of_panel[0]
            labels += of_panel[1]
    return handles, labels


def _panel(axes: Any, bench: Bench, d: int, causal: bool) -> None:
    axes.set_title(f"width {d}{', causal' if causal else ''}", loc="left")
    for way, color in COLORS.items():
        rows = [r for r in bench.rows if (r.way, r.cell.d, r.cell.causal) == (way, d, causal) and r.ms]
        if rows:
            x, y = [r.cell.n for r in rows], [r.tflops for r in rows]
            axes.plot(x, y, f"{MARKS[way]}-", color=color, ms=4, label=f"{NAMES[way]}, measured")
        predicted = [p for p in bench.predictions if (p.way, p.cell.d, p.cell.causal) == (way, d, causal)]
        if predicted:
            x = [p.cell.n for p in predicted]
            high, low = [p.tflops(p.least_ms) for p in predicted], [p.tflops(p.most_ms) for p in predicted]
            axes.plot(x, high, f"{MARKS[way]}:", color=color, mfc="none", ms=5, label=f"{NAMES[way]}, PREDICTED (H100)")
            axes.fill_between(x, low, high, color=color, alpha=0.12, lw=0)


def _title(bench: Bench) -> str:
    where = f"Attention in bf16. Measured on {bench.facts.name}."
    if not bench.predictions:
        return where
    more = "Hollow, dotted: PREDICTION for an H100, not measured.\nThe shade reaches down to the speed without caches."
    return f"{where}\n{more}"


def roofline(bench: Bench) -> Figure:
    """The longest cells on the roofline of this device if it is known, else predictions on an H100's roofline."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.2, 4.6), layout="constrained")
    axes = figure.subplots()
    own = bench.facts.peak
    peak = own or H100
    _roof(axes, peak)
    points = _measured(bench.rows) if own else _predicted(bench.predictions)
    for p in points:
        face = COLORS[p.way] if own else "none"
        mark: dict[str, Any] = {
            "marker": MARKS[p.way],
            "ms": 9 if p.way in ("triton", "yours") else 6,
            "mfc": face,
            "mew": 1.2,
        }
        axes.plot([p.x, p.x_best], [p.y, p.y_best], ":", color=COLORS[p.way], lw=1, **mark)
    for way in dict.fromkeys(p.way for p in points):
        label = NAMES[way] + ("" if own else ", PREDICTED")
        axes.plot([], [], MARKS[way], color=COLORS[way], mfc=COLORS[way] if own else "none", label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(
        f"FLOPs for each byte {'requested' if own else 'requested (left) and for each byte that must move (right)'}"
    )
    axes.set_ylabel("TFLOP/s")
    axes.legend(frameon=False, loc="lower right")
    longest = max((row.cell.n for row in bench.rows), default=0)
    if own:
        axes.set_title(f"{bench.facts.name}: measured at {_length(longest)} tokens", loc="left")
    else:
        title = "PREDICTION for an H100, from counted bytes and FLOPs; nothing here was measured."
        axes.set_title(f"{title}\n{_length(longest)} tokens, widths 64 and 128, with and without mask", loc="left")
    return figure


def _roof(axes: Any, peak: Peak) -> None:
    x = [0.3, peak.ridge, 30_000]
    axes.plot(x, [min(peak.flops, i * peak.bandwidth) / 1e12 for i in x], color="black", lw=1)
    axes.annotate(f"{peak.flops / 1e12:.0f} TFLOP/s", (peak.ridge * 1.2, peak.flops / 1e12 * 1.12))
    axes.annotate(f"{peak.bandwidth / 1e12:.3g} TB/s", (1.2, peak.bandwidth / 1e12 * 1.9), rotation=38)
    axes.annotate(f"{peak.ridge:.0f} FLOPs a byte", (peak.ridge, peak.flops / 1e12 * 0.012), rotation=90, ha="right")
    axes.axvline(peak.ridge, color="black", lw=0.5, ls=":")
    axes.set_ylim(peak.bandwidth / 1e12 * 0.2, peak.flops / 1e12 * 2.5)


def _measured(rows: Sequence[BenchRow]) -> list[Point]:
    longest = max((row.cell.n for row in rows), default=0)
    used = [row for row in rows if row.ms and row.asked and row.cell.n == longest]
    return [Point(r.way, r.cell.flops / r.asked, r.tflops, r.cell.flops / r.asked, r.tflops) for r in used]


def _predicted(predictions: Sequence[Prediction]) -> list[Point]:
    """Each point goes from the bytes requested to the bytes that must move; the caches decide where in between."""
    longest = max((p.cell.n for p in predictions), default=0)
    used = [p for p in predictions if p.cell.n == longest]
    return [
        Point(
            p.way,
            p.cell.flops / p.asked_bytes,
            p.tflops(p.most_ms),
            p.cell.flops / p.least_bytes,
            p.tflops(p.least_ms),
        )
        for p in used
    ]


def _length(n: int) -> str:
    return f"{n // 1024}K" if n >= 1024 and n % 1024 == 0 else str(n)
