"""Small plots as inline SVG. They use the colors of the page, light or dark; a tooltip gives each value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Literal

WIDTH, HEIGHT = 400, 190  # of the drawing, in SVG units; the page scales it
LEFT, RIGHT, TOP, BOTTOM = 34, 8, 10, 24

STYLE = """
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(22rem,100%),1fr));gap:0 2rem}
.plots section{min-width:0}
svg.plot{display:block;width:100%;max-width:36rem;height:auto;margin:.5rem 0}
.plot text{font:11px system-ui,sans-serif;fill:var(--dim)}
.plot .axis{stroke:var(--line);stroke-width:1}
.plot .wanted{stroke:var(--f);stroke-width:1.5;stroke-dasharray:5 4}
.plot .a{fill:var(--accent)}
.plot .g{fill:var(--p)}
.plot .h{fill:var(--h);fill-opacity:.75}
"""


def columns(
    data: Sequence[tuple[str, float, str]],
    label: str,
    *,
    style: Literal["a", "g"] = "a",
    top: float = 0.0,
    unit: str = "",
    target: float | None = None,
) -> str:
    """A column chart. `data` has (name, value, tooltip) for each column, `label` describes the chart to screen readers.

    `style` is the CSS class of the columns, `top` a value that the scale must reach, `target` the value at which a line
    runs across the chart.
    """
    highest = max(top, *(value for _, value, _ in data), target or 0.0)
    ticks, scale = _ticks(highest)
    step = (WIDTH - LEFT - RIGHT) / len(data)
    parts = _frame(ticks, scale, unit)
    label_every = max(1, math.ceil(len(data) * 62 / (WIDTH - LEFT - RIGHT)))  # a name needs 62 units
    for number, (name, value, tip) in enumerate(data):
        x, y = LEFT + number * step, _y(value, scale)
        height = HEIGHT - BOTTOM - y
        if value:
            parts.append(
                f'<rect class="{style}" x="{x + step * 0.12:.1f}" y="{y:.1f}" width="{step * 0.76:.1f}" '
                f'height="{height:.1f}"><title>{escape(tip)}</title></rect>'
            )
        if number % label_every == 0:
            middle = min(max(x + step / 2, LEFT + 16), WIDTH - 30)
            parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(name)}</text>')
    if target is not None:
        y = _y(target, scale)
        parts.append(f'<line class="wanted" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
    return _svg(parts, label, HEIGHT)


def strips(rows: Sequence[tuple[str, Sequence[tuple[float, str]]]], label: str, unit: str) -> str:
    """A row of dots for each name, with (value, tooltip) for each dot, on a logarithmic axis that starts at 0.1."""
    left, row_height = 92, 26
    height = TOP + row_height * len(rows) + BOTTOM
    largest = max((value for _, dots in rows for value, _ in dots), default=1.0)
    decades = max(2, math.ceil(math.log10(max(largest, 1.0)) + 1e-9) + 1)

    def place(value: float) -> float:
        return left + (WIDTH - left - RIGHT - 8) * (math.log10(max(value, 0.1)) + 1) / decades

    parts = []
    for decade in range(decades + 1):
        x, value = place(10.0 ** (decade - 1)), 10.0 ** (decade - 1)
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - BOTTOM}"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle">{value:g}{unit if decade == 1 else ""}</text>'
        )
    for number, (name, dots) in enumerate(rows):
        y = TOP + row_height * (number + 0.5)
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(name)}</text>')
        parts += [
            f'<circle class="h" cx="{place(value):.1f}" cy="{y:.1f}" r="5"><title>{escape(tip)}</title></circle>'
            for value, tip in dots
        ]
    return _svg(parts, label, height)


def _frame(ticks: Sequence[float], scale: float, unit: str) -> list[str]:
    parts = []
    for tick in ticks:
        y = _y(tick, scale)
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{tick:g}{unit}</text>')
    return parts


def _ticks(highest: float) -> tuple[list[float], float]:
    """Round values for the ticks, starting at 0, and the top of the scale."""
    rough = max(highest, 1.0) / 4
    size = 10 ** math.floor(math.log10(rough))
    step = max(1.0, next(size * n for n in (1, 2, 5, 10) if size * n >= rough))
    count = math.ceil(max(highest, 1.0) / step - 1e-9)
    return [step * n for n in range(count + 1)], step * count


def _y(value: float, scale: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / scale


def _svg(parts: Sequence[str], label: str, height: int) -> str:
    head = f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">'
    return f"{head}{''.join(parts)}</svg>"
