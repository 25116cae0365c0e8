"""Pictures for the chapters, drawn from traces of the model answers: what `koans trace` shows.

A figure of a chapter (`content/CH/figure_NAME.py`) imports this module, and nothing else of the grader.
"""

from __future__ import annotations

from grader.book.errors import KoansError
from grader.book.processes import FOLDER
from grader.book.stubs import strip_markers
from grader.book.workbook import Workbook
from grader.learn.trace.collect import traced_text
from grader.learn.trace.report import Report
from grader.learn.trace.step_picture import reads_file, step_picture

__all__ = ["reads", "step"]


def step(koan: str, number: int, *, wrong: str = "", **config: int) -> str:
    """The SVG of one step, counted from 1, of the model answer or of a wrong answer, with changes to CONFIG."""
    return step_picture(_traced(koan, wrong, config), number, with_line=False)


def reads(koan: str, argument: str, *, wrong: str = "", **config: int) -> str:
    """The SVG of which program reads which block of an argument. Raises KoansError if there is no such table."""
    report = _traced(koan, wrong, config)
    table = next((table for table in report.reads if argument in table.arguments), None)
    if table is None:
        raise KoansError(f"{koan}: no two programs read a block of {argument}")
    return reads_file(report, table)


def _traced(name: str, wrong: str, config: dict[str, int]) -> Report:
    book = Workbook(FOLDER)
    koan = book.koan(name)
    text = strip_markers(book.solution(koan).read_text(encoding="utf-8"))
    return traced_text(koan, text, wrong, **config)
