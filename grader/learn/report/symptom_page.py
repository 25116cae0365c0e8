"""A hunt's symptom as a picture (PNG or SVG) or as an HTML page that loads nothing from a network."""

from __future__ import annotations

import base64
import io
import math
import textwrap
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from grader.book.figure_style import style
from grader.book.html import document
from grader.book.symptom_run import SymptomRun
from grader.book.verdict import clean
from grader.book.workbook import Koan
from grader.learn.report.symptom import HEALTHY, YOURS, finite, first_line, number, numbers, pairs
from reference.symptom import Counts, Curve, Histogram, Text, View

COLORS = {YOURS: "#b3261e", HEALTHY: "#1b6e3c"}
LINES = {YOURS: "-", HEALTHY: "--"}
WIDTH = 6.4  # inches
HEIGHTS: Mapping[type[View], float] = {Curve: 2.6, Histogram: 2.4, Counts: 2.2}  # inches of each view
LINE = 0.16  # inches of a line of text
TITLE_LETTERS, TEXT_LETTERS = 78, 68  # that fit in a line
DPI = 150
CSS = """
img.picture{display:block;max-width:100%;height:auto}
pre.side{white-space:pre-wrap;border-left:3px solid var(--line);padding-left:.8rem}
"""
Sides = Mapping[str, View]


def picture(koan: Koan, run: SymptomRun, form: str) -> bytes:
    """All views below each other. `form` is "png" or "svg". Raises KoansError without matplotlib."""
    title = "\n".join([koan.title, *textwrap.wrap(caption(run), TITLE_LETTERS)])
    return _drawn([_sides(*pair) for pair in pairs(run)], form, title=title)


def page(koan: Koan, run: SymptomRun) -> str:
    """The text of the page. Raises KoansError without matplotlib."""
    return document(f"Symptom: {koan.title}", _body(koan, run), style=CSS)


def _body(koan: Koan, run: SymptomRun) -> Iterator[str]:
    yield f"<h1>{escape(koan.title)}</h1>"
    yield f'<p class="dim">{escape(koan.id)}: the code in your file, beside the same code in order</p>'
    yield f"<p>{escape(caption(run))}</p>"
    if run.problem:
        yield f"<p>Your code did not finish: {escape(first_line(run))}</p>"
    for pair in pairs(run):
        sides = _sides(*pair)
        title = next(iter(sides.values())).title
        yield f"<h2>{escape(clean(title))}</h2>"
        texts = {name: view for name, view in sides.items() if isinstance(view, Text)}
        for name, view in texts.items():
            yield f'<p class="dim">{name}</p><pre class="side">{escape(clean(view.text))}</pre>'
        if not texts:
            data = base64.b64encode(_drawn([sides], "png", title="")).decode()
            yield f'<img class="picture" alt="{escape(_described(sides))}" src="data:image/png;base64,{data}">'


def caption(run: SymptomRun) -> str:
    return f"{run.measure}: {numbers(run)}"


def _sides(yours: View | None, healthy: View | None) -> dict[str, View]:
    return {name: view for name, view in ((YOURS, yours), (HEALTHY, healthy)) if view is not None}


def _described(sides: Sides) -> str:
    """A view in words, for readers who do not see it: its title and the last or the mean value of each side."""
    words = []
    for name, view in sides.items():
        if isinstance(view, Curve):
            last = view.values[-1] if view.values else None
            words.append(f"{name}: {number(last)} at the end")
        elif isinstance(view, Histogram):
            known = finite(view.values)
            words.append(
                f"{name}: {len(view.values)} values, mean {number(sum(known) / len(known) if known else None)}"
            )
        elif isinstance(view, Counts):
            words.append(f"{name}: " + ", ".join(f"{row} {number(value)}" for row, value in view.rows.items()))
    return f"{next(iter(sides.values())).title}. {'; '.join(words)}"


def _drawn(views: list[dict[str, View]], form: str, *, title: str) -> bytes:
    with style():
        from matplotlib.figure import Figure

        heights = [_height(sides) for sides in views]
        above = LINE * 1.4 * len(title.splitlines())
        figure = Figure(figsize=(WIDTH, sum(heights) + above), layout="constrained")
        if title:
            figure.suptitle(title, fontsize=10)
        axes = figure.subplots(len(views), squeeze=False, gridspec_kw={"height_ratios": heights})
        for (place,), sides in zip(axes, views, strict=True):
            _draw(place, sides)
        stream = io.BytesIO()
        figure.savefig(stream, format=form, dpi=DPI, metadata={"Date": None} if form == "svg" else None)
        return stream.getvalue()


def _height(sides: Sides) -> float:
    """Inches of a view."""
    first = next(iter(sides.values()))
    if isinstance(first, Text):
        return LINE * (3 + len(_written(sides).splitlines()))
    return HEIGHTS[type(first)]


def _written(sides: Sides) -> str:
    """The texts of both sides, in lines that fit."""
    texts = [f"{name}: {clean(view.text)}" for name, view in sides.items() if isinstance(view, Text)]
    lines = [[part for line in text.splitlines() for part in textwrap.wrap(line, TEXT_LETTERS)] for text in texts]
    return "\n\n".join("\n".join(text) for text in lines)


def _draw(axes: Any, sides: Sides) -> None:
    first = next(iter(sides.values()))
    axes.set_title(clean(first.title), loc="left")
    for name, view in sides.items():
        if isinstance(view, Curve):
            values = [math.nan if value is None or not math.isfinite(value) else value for value in view.values]
            axes.plot(range(len(values)), values, LINES[name], color=COLORS[name], label=name, linewidth=1.4)
            axes.set(xlabel=view.x, ylabel=view.y)
            axes.xaxis.get_major_locator().set_params(integer=True)
        elif isinstance(view, Histogram):
            known = [value for side in sides.values() if isinstance(side, Histogram) for value in finite(side.values)]
            low, high = min(known, default=0.0), max(known, default=1.0)
            own = finite(view.values)
            edges = [low + (high - low or 1.0) * n / 24 for n in range(25)]
            axes.hist(own, edges, weights=[1 / len(own)] * len(own), histtype="step", color=COLORS[name], label=name)
            axes.set(xlabel=view.x, ylabel="share")
    if isinstance(first, Counts):
        _draw_counts(axes, {name: view for name, view in sides.items() if isinstance(view, Counts)})
    elif isinstance(first, Text):
        axes.axis("off")
        axes.text(0, 1, _written(sides), va="top", family="monospace", transform=axes.transAxes)
    else:
        axes.legend(frameon=False)


def _draw_counts(axes: Any, sides: Mapping[str, Counts]) -> None:
    """A row of bars for each name, one bar for each side."""
    rows = list(dict.fromkeys(row for view in sides.values() for row in view.rows))
    height = 0.8 / len(sides)
    for place, (name, view) in enumerate(sides.items()):
        values = [view.rows.get(row) or 0.0 for row in rows]
        at = [n + place * height for n in range(len(rows))]
        bars = axes.barh(at, values, height, color=COLORS[name], label=name)
        axes.bar_label(bars, [number(view.rows[row]) if row in view.rows else "" for row in rows], padding=2)
        axes.set_xlabel(view.unit)
    axes.set_yticks([n + 0.4 - height / 2 for n in range(len(rows))], rows)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.legend(frameon=False)
