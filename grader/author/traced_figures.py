"""Figures of the chapters that are drawn from traces of the model answers. `content/CH/figures.toml` lists them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.book.stubs import strip_markers
from grader.book.workbook import Workbook
from grader.learn.trace.collect import traced_text
from grader.learn.trace.step_picture import reads_file, step_picture


class TracedFigure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a koan's trace, counted from 1, or the table of who reads which block of the argument `reads`.

    `wrong` names a wrong answer whose kernel is traced, `config` has changes to CONFIG.
    """

    koan: str
    step: int = 0
    reads: str = ""
    wrong: str = ""
    config: dict[str, int] = {}


def traced_figures(root: Path) -> Iterator[tuple[Path, str]]:
    """The file of each picture and its text as it is drawn now. Raises KoansError if one cannot be drawn."""
    book = None
    for file in sorted((root / "content").glob("ch*/figures.toml")):
        book = book or Workbook(root)
        for name, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
            try:
                figure = msgspec.convert(entry, TracedFigure)
                text = _drawn(book, figure)
            except (msgspec.ValidationError, KoansError) as error:
                raise KoansError(f"{file}: {name}: {error}") from None
            yield file.with_name(f"figure_{name}.svg"), text


def _drawn(book: Workbook, figure: TracedFigure) -> str:
    koan = book.koan(figure.koan)
    text = strip_markers(book.solution(koan).read_text(encoding="utf-8"))
    report = traced_text(koan, text, figure.wrong, **figure.config)
    if not figure.reads:
        return step_picture(report, figure.step, with_line=False)
    table = next((table for table in report.reads if figure.reads in table.arguments), None)
    if table is None:
        raise KoansError(f"no two programs read a block of {figure.reads}")
    return reads_file(report, table)
