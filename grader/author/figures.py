"""Draws the figures of the chapters from the oracles: `python -m grader.author.figures [--check]`.

`content/CH/figure.py` has a function `draw() -> Figure`. Its picture is figure.svg in the same folder. The picture
holds two digests: one of the numbers and words that it shows, one of the source that drew it. They tell whether it is
stale. Pictures cannot be compared, because they differ from one version of matplotlib to the next. Pictures of traces
(`grader.author.traced_figures`) are compared as they are.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grader.author import content_script
from grader.author.traced_figures import traced_figures
from grader.book.errors import KoansError
from grader.book.figure_style import STYLE, style
from grader.book.files import write_file
from grader.book.workbook import find_root

DIGITS = 6  # significant digits of a plotted number that the digest sees
STAMP = re.compile(r"tensor-koans data=([0-9a-f]{16}) source=([0-9a-f]{16})")


class StaleFigure(msgspec.Struct, frozen=True):
    """A chapter with a picture that must be drawn again, and the reason."""

    chapter: str
    reason: str
    picture: str = "figure.svg"


def drawings(root: Path) -> list[Path]:
    """The figure.py of each chapter that has one, in order."""
    return sorted((root / "content").glob("ch*/figure.py"))


def stale(root: Path) -> list[StaleFigure]:
    """The figures that differ from what their figure.py draws now. Raises KoansError if one cannot be drawn."""
    reasons = ((file.parent.name, stale_reason(file)) for file in drawings(root))
    found = [StaleFigure(chapter, reason) for chapter, reason in reasons if reason]
    for picture, text in traced_figures(root):
        if not picture.exists():
            found.append(StaleFigure(picture.parent.name, f"{picture.name} is missing", picture.name))
        elif picture.read_text(encoding="utf-8") != text:
            found.append(StaleFigure(picture.parent.name, "the traces give a different picture", picture.name))
    return found


def svg(file: Path) -> bytes:
    """The picture that a figure.py draws, with the same bytes every time. Raises KoansError if it cannot be drawn."""
    data, source, picture = _draw_with_digests(file)
    with io.BytesIO() as out, style():
        stamp = f"tensor-koans data={data} source={source}"
        metadata = {"Title": file.parent.name, "Description": stamp, "Creator": None, "Date": None}
        picture.savefig(out, format="svg", metadata=metadata)
        return b"\n".join(line.rstrip() for line in out.getvalue().splitlines()) + b"\n"


def digest(figure: Figure) -> str:
    """Digest of all plotted numbers, to six significant digits, and all words. Colors and sizes do not count."""
    text = "\n".join(f"axes {i}\n" + "\n".join(_contents(axes)) for i, axes in enumerate(figure.axes))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stale_reason(file: Path) -> str:
    """Why the picture of a figure.py must be drawn again, or an empty string. Raises KoansError."""
    picture = file.with_suffix(".svg")
    if not picture.exists():
        return "figure.svg is missing"
    stamp = STAMP.search(picture.read_text(encoding="utf-8"))
    data, source, _ = _draw_with_digests(file)
    if not stamp:
        return "figure.svg has no digest"
    if stamp[2] != source:
        return "figure.py or the common style has changed"
    return "" if stamp[1] == data else "the oracles give numbers that differ from the figure"


def _draw_with_digests(file: Path) -> tuple[str, str, Figure]:
    """The digest of the data, the digest of the source, and the figure."""
    with style():
        figure = _draw(file)
    source = f"{file.read_text(encoding='utf-8')}\n{sorted(STYLE.items())}"
    return digest(figure), hashlib.sha256(source.encode()).hexdigest()[:16], figure


def _draw(file: Path) -> Figure:
    figure = content_script.load(file, "draw").draw()
    if not isinstance(figure, Figure):
        raise KoansError(f"{file}: draw() gives a {type(figure).__name__}, not a matplotlib Figure")
    return figure


def _contents(axes: Axes) -> Iterator[str]:
    """Everything that is plotted in one pair of axes, in words."""
    for line in axes.lines:
        yield f"line {_numbers(line.get_xydata())}"
    for image in axes.images:
        yield f"image {_numbers(image.get_extent())} {_numbers(image.get_array())}"
    for patch in axes.patches:
        yield f"patch {_numbers(patch.get_patch_transform().transform(patch.get_path().vertices))}"
    for collection in axes.collections:
        yield f"collection {_numbers(collection.get_offsets())}"
        for path in collection.get_paths():
            yield f"path {_numbers(path.vertices)}"
    legend = axes.get_legend()
    words = [
        axes.title,
        axes.xaxis.label,
        axes.yaxis.label,
        *axes.texts,
        *(legend.get_texts() if legend else ()),
    ]
    for word in words:
        yield f"text {_numbers(word.get_position())} {word.get_text()}"


def _numbers(array: Any) -> str:
    values: Any = np.ma.filled(np.ma.asarray(array, dtype=float), np.nan)
    return f"{values.shape} " + " ".join(f"{v + 0.0:.{DIGITS}g}" for v in values.ravel().tolist())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns its exit status: 0 up to date (now), 1 stale (`--check`), 2 a figure cannot be drawn."""
    parser = argparse.ArgumentParser(
        prog="python -m grader.author.figures",
        description="Draw content/CH/figure.svg from content/CH/figure.py, if its content has changed.",
        epilog="exit status: 0 all up to date, 1 stale figures found by --check, 2 a figure cannot be drawn",
    )
    parser.add_argument("root", nargs="?", type=Path, default=Path("."), help="the workbook (default: here or above)")
    parser.add_argument("--check", action="store_true", help="write nothing; list stale figures and exit with 1")
    parser.add_argument("--all", action="store_true", help="draw every figure, stale or not")
    args = parser.parse_args(argv)
    try:
        return _run(find_root(args.root), check=args.check, everything=args.all)
    except KoansError as error:
        print(error, file=sys.stderr)
        return 2


def _run(root: Path, *, check: bool, everything: bool) -> int:
    reasons = {root / "content" / figure.chapter / figure.picture: figure.reason for figure in stale(root)}
    drawn = {file.with_suffix(".svg"): partial(svg, file) for file in drawings(root)}
    traced = {file: partial(str.encode, text) for file, text in traced_figures(root)}
    for picture, draw in (drawn | traced).items():
        name = f"content/{picture.parent.name}/{picture.name}"
        if check and picture in reasons:
            print(f"{name}: {reasons[picture]}; `python -m grader.author.figures` draws it")
        elif not check and (everything or picture in reasons):
            write_file(picture, draw())
            print(f"{name}: drawn ({reasons.get(picture, 'was up to date')})")
    total = len(drawn) + len(traced)
    if check:
        print(f"figures: {total}, stale: {len(reasons)}")
    else:
        print(f"figures: {total}, drawn: {total if everything else len(reasons)}")
    return 1 if check and reasons else 0


if __name__ == "__main__":
    sys.exit(main())
