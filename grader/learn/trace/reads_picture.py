"""Draws a table of reads: a row for each program, a column for each tile."""

from __future__ import annotations

from html import escape

from grader.learn.trace import words
from grader.learn.trace.drawing import COLORS, WIDTH
from grader.learn.trace.model import Trace
from grader.learn.trace.reuse import Needed, Reads

LEFT, TOP = 30, 14  # units: room for the numbers of programs, and for where tiles start

LEGEND = {
    "m": "read, and partly masked: not every query sees every key",
    "·": "not read",
    "!": "read, though no query of the program sees it",
    "?": "not read, though a query of the program sees it",
}


def sign(times: int, needed: Needed | None) -> str:
    """What a cell shows. A tile that is read once and needed whole has an empty cell."""
    if not times:
        return "·" if needed in (None, "none") else "?"
    if needed == "none":
        return "!"
    return "m" if needed == "some" else str(times) if times > 1 else ""


def signs(table: Reads) -> list[list[str]]:
    """The signs of a table, row by row."""
    return [
        [sign(times, table.needed[i][j] if table.needed else None) for j, times in enumerate(row)]
        for i, row in enumerate(table.times)
    ]


def starts(table: Reads) -> list[str]:
    """Where each column's tile starts: a row or a column of the tensor; both where tiles lie in a grid."""
    by_rows = len({(c.left, c.right) for c in table.columns}) == 1
    by_columns = len({(c.top, c.bottom) for c in table.columns}) == 1
    return [str(c.top) if by_rows else str(c.left) if by_columns else f"{c.top},{c.left}" for c in table.columns]


def picture(table: Reads, trace: Trace) -> tuple[str, float]:
    """The parts of the picture, and its height."""
    rows, columns = len(table.programs), len(table.columns)
    wide = min(30.0, (WIDTH - LEFT) / columns)
    high = min(20.0, max(6.0, 260.0 / rows))
    parts = []
    names = starts(table)
    every = max(1, -(-(max(map(len, names)) * 6 + 6) // int(wide)))
    for j in range(0, columns, every):
        parts.append(f'<text class="d" x="{LEFT + j * wide + 1:.1f}" y="{TOP - 4}">{names[j]}</text>')
    tensor = trace.tensor(table.launch, table.arguments[0])
    cells = signs(table)
    for i, program in enumerate(table.programs):
        y = TOP + i * high
        if high >= 10 or i % 2 == 0:
            parts.append(
                f'<text class="d" x="{LEFT - 5}" y="{y + high / 2 + 3.5:.1f}" text-anchor="end">{program}</text>'
            )
        for j, times in enumerate(table.times[i]):
            x, shown = LEFT + j * wide, cells[i][j]
            look = f"c{program % COLORS}{' half' * (shown == 'm')}" if times else "cell"
            if shown in ("!", "?"):
                look = "bad"
            where = words.place(table.columns[j], tensor.rows)
            what = LEGEND.get(shown) or (f"read {times} times" if times > 1 else "read")
            title = escape(f"program {program}, {where}: {what}")
            text = ""
            if shown and high >= 9:
                gray = ' class="none"' if shown == "·" else ""
                text = f'<text{gray} x="{x + wide / 2:.1f}" y="{y + high / 2 + 3.5:.1f}">{shown}</text>'
            parts.append(
                f'<g class="c"><title>{title}</title><rect class="{look}" x="{x + 0.5:.2f}" y="{y + 0.5:.2f}" '
                f'width="{wide - 1:.2f}" height="{high - 1:.2f}"/>{text}</g>'
            )
    return "".join(parts), TOP + rows * high


def title(table: Reads) -> str:
    """Which programs read which blocks of k_ptr, v_ptr."""
    return f"Which program reads which block of {' and '.join(table.arguments)}"


def programs(table: Reads, trace: Trace) -> str:
    """The kernel and, where only some of its programs have rows, which."""
    launch = trace.launches[table.launch]
    some = len(table.programs) < launch.programs
    return f"{launch.kernel}, the {len(table.programs)} programs of one head" if some else launch.kernel


def explained(table: Reads) -> list[str]:
    """What the signs of the table mean, those that occur."""
    found = {cell for row in signs(table) for cell in row}
    lines = [f"{key} {meaning}" for key, meaning in LEGEND.items() if key in found]
    return [*lines, *(["a number: how often the block is read"] if any(cell.isdigit() for cell in found) else [])]
