"""A picture of one step, as an SVG file."""

from __future__ import annotations

import textwrap

from grader.book.errors import KoansError
from grader.learn.trace import drawing, reads_picture, words
from grader.learn.trace.report import Report
from grader.learn.trace.reuse import Reads

WIDTH = 62  # characters of a line above a picture


def step_picture(report: Report, number: int, *, with_line: bool = True) -> str:
    """The SVG file of step `number`, counted from 1, with its line. Raises KoansError if there is no such step."""
    steps = report.trace.steps
    if not 1 <= number <= len(steps):
        last = f"the steps 1 to {len(steps)}" if steps else "no steps: the kernel accessed no memory"
        raise KoansError(f"--step {number}: {report.koan} has {last}")
    step = steps[number - 1]
    parts, height = drawing.launch_picture(report.trace, step.launch, number - 1, report.layout, report.clashes)
    kernel = report.trace.launches[step.launch].kernel
    what = words.step(step)
    where = f"line {step.line}: " if with_line else ""
    lines = [f"{kernel}, step {number} of {len(steps)}", *textwrap.wrap(f"{where}{what}", WIDTH)]
    return drawing.file(parts, height, f"{report.koan}, step {number}", lines)


def reads_file(report: Report, table: Reads) -> str:
    """The SVG file of a table of reads."""
    parts, height = reads_picture.picture(table, report.trace)
    return drawing.file(parts, height, reads_picture.title(table), [reads_picture.title(table)])
