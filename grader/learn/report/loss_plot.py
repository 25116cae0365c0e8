"""Values over steps as a small picture: curves of braille dots, and lines for what they are compared with.

Where the output has not every sign, a curve is drawn with letters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.text import Text

AXIS = 6  # columns left of the picture
LABELS = 15  # columns right of it
# The bit of each dot of a braille character, by its row and column.
BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
ROWS, COLUMNS = len(BITS), len(BITS[0])
DASH = 6  # columns of dots from the start of one dash to the start of the next


class Curve(NamedTuple):
    """The loss of each step from the first one on, and the style in which it is drawn.

    Two curves in one picture differ without colors too, if one of them is `dashed`.
    """

    losses: Sequence[float]
    style: str = "cyan"
    dashed: bool = False


def plot(
    curves: Sequence[Curve],
    total: int,
    lines: Mapping[str, float],
    width: int,
    height: int,
    *,
    braille: bool = True,
    unit: str = "steps",
) -> Text:
    """The curves over `total` steps, in `height` rows and one for the axis. `lines` are losses with their names.

    `unit` is what is counted on the horizontal axis.
    """
    top, bottom = _range(curves, lines)
    ticks = [_tick(top - (top - bottom) * row / max(height - 1, 1), top, bottom) for row in range(height)]
    axis = max(AXIS, *(len(tick) + 2 for tick in ticks))
    inner = max(width - axis - (LABELS if lines else 0), 10)
    cells: list[list[tuple[int, str]]] = [[(0, "")] * inner for _ in range(height)]
    for curve in curves:
        _draw(curve, total, cells, top, bottom)
    labels = _labels(lines, height, top, bottom)
    marks = {_row(loss, height, top, bottom) for loss in lines.values()}
    text = Text(no_wrap=True)
    for row in range(height):
        shown = row in (0, height - 1) or (row % 4 == 0 and row < height - 2)
        text.append(f"{ticks[row] if shown else '':>{axis - 2}} ", "dim")
        text.append("│", "dim")
        for bits, style in cells[row]:
            if bits:
                letter = "." if style in {curve.style for curve in curves if curve.dashed} else "*"
                text.append(chr(0x2800 + bits) if braille else letter, style)
            else:
                text.append(("┈" if braille else "-") if row in marks else " ", "dim")
        text.append(f" {labels.get(row, '')}".rstrip() + "\n", "dim")
    steps = f"{total} {unit}"
    text.append(" " * (axis - 1) + "└" + "0".ljust(inner - len(steps)) + steps, "dim")
    return text


def _tick(value: float, top: float, bottom: float) -> str:
    """A number on the vertical axis."""
    return f"{value:.1f}" if _coarse(top, bottom) else f"{value:.3g}"


def _coarse(top: float, bottom: float) -> bool:
    """Whether a decimal is enough to tell the ticks apart, and not too much."""
    return top - bottom >= 0.5 and max(abs(top), abs(bottom)) < 1000


def _range(curves: Sequence[Curve], lines: Mapping[str, float]) -> tuple[float, float]:
    """The losses at the upper and the lower edge."""
    known = [loss for curve in curves for loss in curve.losses if math.isfinite(loss)]
    known += [loss for loss in lines.values() if math.isfinite(loss)]
    top, bottom = max(known, default=1.0), min(known, default=0.0)
    if top == bottom:
        return bottom + 1.0, bottom
    if not _coarse(top, bottom):
        return top, bottom
    return math.ceil(top * 2) / 2, math.floor(bottom * 2) / 2


def _row(loss: float, rows: int, top: float, bottom: float) -> int:
    share = (top - min(max(loss, bottom), top)) / (top - bottom)
    return min(rows - 1, round(share * (rows - 1)))


def _draw(curve: Curve, total: int, cells: list[list[tuple[int, str]]], top: float, bottom: float) -> None:
    """Set the dots of a curve. Each column of dots has the mean of its steps, and is joined to the one before."""
    columns, rows = COLUMNS * len(cells[0]), ROWS * len(cells)
    before: int | None = None
    for column in range(columns):
        first = column * total // columns
        losses = curve.losses[first : max(first + 1, (column + 1) * total // columns)]
        finite = [loss for loss in losses if math.isfinite(loss)]
        if not finite:
            before = None if losses else before
            continue
        at = _row(sum(finite) / len(finite), rows, top, bottom)
        if curve.dashed and column % DASH >= DASH // 2:
            before = at
            continue
        start = at if before is None else before
        for dot in range(min(start, at), max(start, at) + 1):
            if dot == start != at and abs(start - at) > 0 and before is not None:
                continue  # that dot is in the column before
            row, place = dot // ROWS, column // COLUMNS
            bits = cells[row][place][0] | BITS[dot % ROWS][column % COLUMNS]
            cells[row][place] = (bits, curve.style)
        before = at


def _labels(lines: Mapping[str, float], height: int, top: float, bottom: float) -> dict[int, str]:
    """A label beside each line, in a free row near it."""
    labels: dict[int, str] = {}
    for name, loss in sorted(lines.items(), key=lambda line: line[1]):
        row = _row(loss, height, top, bottom)
        free = next((r for d in range(height) for r in (row - d, row + d) if 0 <= r < height and r not in labels), row)
        labels[free] = f"{name} {loss:.2f}"
    return labels
