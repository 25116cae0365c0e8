"""Draws tensors as grids and programs as colors, in SVG. The page and a picture of one step use the same drawing.

A tile of one step is a `<g class="t STATE" data-s=STEP data-e=END data-p=PROGRAMS>`. Its state is "now" at its step,
"held" until the same line runs again, "past" afterwards and "next" before. The page's script changes nothing but this.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from grader.learn.trace import words
from grader.learn.trace.model import Rectangle, Step, Tensor, Tile, Trace
from grader.learn.trace.reuse import Clash

WIDTH = 340  # units: of a picture. On a phone a unit is a pixel.
GAP, LABEL = 10, 28  # units: between panels, and above one for its name and shape
NARROWEST, LOWEST, BAND = 74, 24, 12  # units: of a panel, and of one of several tiles in it
COLORS = 8  # programs take turns
MOST_STRIPES = 8
MOST_BANDED = 64  # tiles of a step that are compared with each other

COLOR_STYLE = (
    ":root{--c0:#0072b2;--c1:#e69f00;--c2:#009e73;--c3:#c2649a;--c4:#4aa8dd;--c5:#d55e00;--c6:#a59a00;--c7:#7a5195;"
    "--cell:#eef0f2;--past:#c3cad1;--edge:#8a949d;--clash:#b3261e}\n"
    "@media(prefers-color-scheme:dark){:root{--c0:#3d9bd6;--c1:#f0b13c;--c2:#26b88e;--c3:#dd8fbb;--c4:#86c8ee;"
    "--c5:#ee7f35;--c6:#c9be35;--c7:#a883c4;--cell:#22292f;--past:#4a545d;--edge:#78838d;--clash:#ff9d94}}\n"
)
STYLE = (
    COLOR_STYLE
    + "".join(f".c{n}{{fill:var(--c{n})}}\n" for n in range(COLORS))
    + "".join(f".one-{n} .t:not(.past):not(.clash) rect:not(.o){{fill:var(--c{n})}}\n" for n in range(COLORS))
    + """.trace text{font:11px system-ui,sans-serif;fill:var(--ink)}
.trace .d{fill:var(--dim);font-size:10px}
.trace .b{font-weight:600}
.cell{fill:var(--cell);stroke:var(--edge);stroke-width:.8}
.head{stroke:var(--edge);stroke-width:.8;stroke-dasharray:3 2}
.next,.off{display:none}
.past rect{fill:var(--past)}
.held rect{fill-opacity:.4}
.trace .t .o{fill:none;stroke:var(--bg);stroke-width:.8}
.trace .now .o{stroke:var(--ink);stroke-width:1}
.trace .t text,.trace .c text{font-size:10px;font-weight:600;fill:#fff;stroke:#000;stroke-opacity:.6;stroke-width:2px;
paint-order:stroke;text-anchor:middle}
.past text,.held text{display:none}
.trace .clash rect{fill:var(--clash);fill-opacity:.18;stroke:var(--clash);stroke-width:2.4}
.trace .bad{fill:none;stroke:var(--clash);stroke-width:1.6}
.trace .bad+text{fill:var(--clash);stroke:none}
.trace .half{fill-opacity:.45}
.trace .c .none{fill:var(--dim);stroke:none;font-weight:400}
"""
)


@dataclass(frozen=True)
class Panel:
    """The place of a tensor in a picture, in units."""

    tensor: Tensor
    x: float
    y: float
    width: float
    height: float

    def box(self, r: Rectangle) -> tuple[float, float, float, float]:
        """x, y, width and height of a rectangle of the tensor."""
        across, down = self.width / max(1, self.tensor.columns), self.height / max(1, self.tensor.rows)
        return self.x + r.left * across, self.y + r.top * down, (r.right - r.left) * across, (r.bottom - r.top) * down


def panels(
    tensors: Sequence[Tensor], layout: Sequence[Sequence[str]] = (), bands: Mapping[str, int] | None = None
) -> tuple[tuple[Panel, ...], float]:
    """The panels of a launch and the height of the picture.

    `layout` has rows of names of arguments, "" for an empty place, so that tensors that belong together lie in one row
    or one column. Without it, panels follow each other. `bands` says how many tiles of an argument lie on top of each
    other.
    """
    highest = 240.0 if len(tensors) <= 4 else 150.0
    named = {t.argument: t for t in tensors}
    if set(named) <= {name for row in layout for name in row}:
        return _in_a_layout([[name if name in named else "" for name in row] for row in layout], named, highest)
    scale = min(highest / max(t.rows for t in tensors), WIDTH / max(t.columns for t in tensors))
    sizes = {t.argument: _size(t, scale, highest, (bands or {}).get(t.argument, 1)) for t in tensors}
    placed: list[Panel] = []
    x = y = tallest = 0.0
    for tensor in tensors:
        width, height = sizes[tensor.argument]
        if x and x + width > WIDTH:
            x, y, tallest = 0.0, y + LABEL + tallest + GAP, 0.0
        placed.append(Panel(tensor, x, y + LABEL, width, height))
        x, tallest = x + width + GAP, max(tallest, height)
    return tuple(placed), y + LABEL + tallest


def _size(tensor: Tensor, scale: float, highest: float, bands: int) -> tuple[float, float]:
    width = min(WIDTH, max(tensor.columns * scale, NARROWEST))
    return width, min(highest, max(tensor.rows * scale, min(tensor.rows * 12, highest), LOWEST, BAND * bands))


def _in_a_layout(
    layout: Sequence[Sequence[str]], tensors: Mapping[str, Tensor], highest: float
) -> tuple[tuple[Panel, ...], float]:
    columns = list(itertools.zip_longest(*layout, fillvalue=""))
    across = [max((tensors[name].columns for name in column if name), default=0) for column in columns]
    gaps = [GAP * any(column) for column in columns]
    scale = min((WIDTH - sum(gaps)) / sum(across), highest / max(t.rows for t in tensors.values()))
    starts = [sum(across[:i]) * scale + sum(gaps[:i]) for i in range(len(columns))]
    placed, y = [], 0.0
    for row in layout:
        for name, x in zip(row, starts, strict=False):
            if name:
                tensor = tensors[name]
                placed.append(Panel(tensor, x, y + LABEL, tensor.columns * scale, tensor.rows * scale))
        if any(row):
            y += LABEL + max(tensors[name].rows * scale for name in row if name) + GAP
    return tuple(placed), y - GAP


def launch_picture(
    trace: Trace, launch: int, at: int, layout: Sequence[Sequence[str]] = (), clashes: Sequence[Clash] = ()
) -> tuple[str, float]:
    """The parts of a picture of one launch at step `at` (of all steps), and its height."""
    tensors = [tensor for tensor in trace.tensors if tensor.launch == launch]
    steps = trace.of_launch(launch)
    most: dict[str, int] = {}
    for _, step in steps:
        most[step.argument] = max(most.get(step.argument, 1), *(band + 1 for band in _bands(step.tiles)), 1)
    placed, height = panels(tensors, layout, most)
    by_name = {panel.tensor.argument: panel for panel in placed}
    parts = [part for panel in placed for part in _frame(panel)]
    ends = _ends(steps)
    for number, step in steps:
        parts += _tiles(by_name[step.argument], number, ends[number], step, at)
    parts += [part for panel in placed for part in _heads(panel)]
    for clash in clashes:
        if clash.launch == launch:
            parts.append(_clash(clash, by_name[clash.argument], steps, at))
    return "".join(parts), height


def _frame(panel: Panel) -> Iterator[str]:
    tensor = panel.tensor
    yield f'<text class="b" x="{panel.x:.1f}" y="{panel.y - 17:.1f}">{escape(tensor.argument)}</text>'
    yield f'<text class="d" x="{panel.x:.1f}" y="{panel.y - 5:.1f}">{words.shape(tensor.shape)}</text>'
    yield _rect("cell", panel.x, panel.y, panel.width, panel.height)


def _heads(panel: Panel) -> Iterator[str]:
    """Lines between the heads of a tensor of more than two axes."""
    tensor = panel.tensor
    if len(tensor.shape) < 3 or not tensor.shape[-2]:
        return
    for row in range(tensor.shape[-2], tensor.rows, tensor.shape[-2]):
        x, y, width, _ = panel.box(Rectangle(row, 0, row, tensor.columns))
        yield f'<line class="head" x1="{x:.1f}" y1="{y:.1f}" x2="{x + width:.1f}" y2="{y:.1f}"/>'


def _ends(steps: Sequence[tuple[int, Step]]) -> dict[int, int]:
    """For each step the one in which its line runs again, or the step after the last of its launch."""
    last = max(number for number, _ in steps) + 1
    ends, following = {}, dict[tuple[int, str], int]()
    for number, step in reversed(steps):
        ends[number] = following.get((step.line, step.argument), last)
        following[step.line, step.argument] = number
    return ends


def state(start: int, end: int, at: int) -> str:
    """The state of a tile in step `at`."""
    return "next" if at < start else "now" if at == start else "held" if at < end else "past"


def _tiles(panel: Panel, number: int, end: int, step: Step, at: int) -> Iterator[str]:
    bands = _bands(step.tiles)
    for tile, band in zip(step.tiles, bands, strict=True):
        stripes = "".join(_stripes(panel, tile, band, max(bands) + 1))
        where = "; ".join(words.place(r, panel.tensor.rows) for r in tile.rectangles[:3])
        title = f"{words.programs(tile.programs)}: {words.VERBS[step.kind]} {step.argument}, {where}"
        if not tile.is_exact:
            title += ", only in part"
        yield (
            f'<g class="t {step.kind} {state(number, end, at)}" data-s="{number}" data-e="{end}" '
            f'data-p="{" ".join(words.ranges(tile.programs, "-"))}"><title>{escape(title)}</title>{stripes}</g>'
        )


def _bands(tiles: Sequence[Tile]) -> list[int]:
    """A band for each tile of a step. Tiles that overlap get different ones, so that none hides another one."""
    bands: list[int] = []
    for i, tile in enumerate(tiles):
        taken = {
            bands[j]
            for j, other in enumerate(tiles[: i if len(tiles) <= MOST_BANDED else 0])
            if any(a.overlaps(b) for a in tile.rectangles for b in other.rectangles)
        }
        bands.append(next(n for n in itertools.count() if n not in taken))
    return bands


def _stripes(panel: Panel, tile: Tile, band: int, bands: int) -> Iterator[str]:
    """A tile in the colors of its programs, its outline, and their number or how many there are."""
    colors = tile.programs[:MOST_STRIPES]

    def box(r: Rectangle) -> tuple[float, float, float, float]:
        x, y, width, height = panel.box(r)
        return x, y + band * height / bands, width, height / bands

    for r in tile.rectangles:
        x, y, width, height = box(r)
        part = width / len(colors)
        for i, program in enumerate(colors):
            yield _rect(f"c{program % COLORS}", x + i * part, y, part, height)
        if min(width, height) > 4:
            yield _rect("o", x, y, width, height)
    if tile.rectangles:
        x, y, width, height = box(max(tile.rectangles, key=lambda r: r.elements))
        text = f"×{len(tile.programs)}" if len(tile.programs) > 1 else str(tile.programs[0])
        if height >= 9 and width >= 6 * len(text) + 3:
            yield f'<text x="{x + width / 2:.1f}" y="{y + height / 2 + 3.5:.1f}">{text}</text>'


def _rect(look: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{look}" x="{x:.2f}" y="{y:.2f}" width="{max(width, 0.3):.2f}" height="{max(height, 0.3):.2f}"/>'
    )


def _clash(clash: Clash, panel: Panel, steps: Sequence[tuple[int, Step]], at: int) -> str:
    first = min(number for number, step in steps if step.argument == clash.argument and step.kind == "store")
    rects = "".join(_rect("x", *panel.box(r)) for r in clash.rectangles)
    title = f"{words.count(clash.elements, 'element')} of {clash.argument} that several programs use and one writes"
    return (
        f'<g class="t clash {"next" if at < first else "now"}" data-s="{first}" data-e="{first}" '
        f'data-p="{" ".join(words.ranges(clash.programs, "-"))}"><title>{escape(title)}</title>{rects}</g>'
    )


def svg(parts: str, height: float, label: str) -> str:
    """An `<svg>` element for a page. `label` is for screen readers."""
    return (
        f'<svg class="trace" viewBox="-1 -1 {WIDTH + 2} {height + 2:.1f}" role="img" '
        f'aria-label="{escape(label)}">'
        f"{parts}</svg>"
    )


FILE_STYLE = (
    ":root{--bg:#fff;--ink:#1c2126;--dim:#5b6670}"
    "@media(prefers-color-scheme:dark){:root{--bg:#14181c;--ink:#e4e8ec;--dim:#9aa6b1}}.bg{fill:var(--bg)}\n"
)


def file(parts: str, height: float, title: str, lines: Iterable[str] = ()) -> str:
    """A whole SVG file, light or dark as its reader. `lines` stand above the picture."""
    head = [f'<text class="{look}" y="{12 + 15 * i}">{escape(line)}</text>' for i, (look, line) in _looks(lines)]
    top = 15 * len(head) + 6 * bool(head)
    margin = 8
    width, full = WIDTH + 2 * margin, height + top + 2 * margin
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="trace" width="{width}" height="{full:.0f}" '
        f'viewBox="{-margin} {-margin} {width} {full:.0f}" role="img">\n<title>{escape(title)}</title>\n'
        f"<style>{FILE_STYLE}{STYLE}</style>\n"
        f'<rect class="bg" x="{-margin}" y="{-margin}" width="{width}" height="{full:.0f}"/>\n'
        f'{"".join(head)}\n<g transform="translate(0 {top})">\n{parts}\n</g>\n</svg>\n'.replace(
            "<g class", "\n<g class"
        )
    )


def _looks(lines: Iterable[str]) -> Iterator[tuple[int, tuple[str, str]]]:
    for i, line in enumerate(lines):
        yield i, ("d" if i else "b", line)
