"""What all benchmarks share: their options, a copy of the workbook to work on, and how they end.

Exit code 0: it measured. 1: it could not, and one line says why. 2: wrong options. 130: Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import platform
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from grader.book.errors import KoansError
from grader.book.workbook import Workbook

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("exercises", "solutions", "reference", "content", "grader")
FILES = ("pyproject.toml", "conftest.py")

Figures = dict[str, Any]


class CannotMeasure(Exception):
    """There is nothing to report. The message says why, in one line."""


def main(about: str, measure: Callable[[argparse.Namespace], Figures], parser: argparse.ArgumentParser) -> None:
    """Read the options, measure, and output the figures. What `measure` prints is for a person."""
    parser.description = about
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--quick", action="store_true", help="the same on few and small cases, to see that it works")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON; everything else goes to stderr")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the figures to FILE, as JSON")
    options = parser.parse_args()
    if options.out and not options.out.absolute().parent.is_dir():
        parser.error(f"{options.out.parent}: no such folder")
    try:
        with contextlib.redirect_stdout(sys.stderr if options.json else sys.stdout):
            figures = {"machine": machine(), "quick": options.quick, **measure(options)}
        for path, value in numbers(figures):
            if not (math.isfinite(value) and value > 0):
                raise CannotMeasure(f"{path} came out as {value}")
        text = json.dumps(figures, indent=1) + "\n"
        if options.out:
            options.out.write_text(text)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        sys.exit(f"{parser.prog}: cannot measure: {_one_line(error)}")
    if options.json:
        print(text, end="")


def _one_line(error: Exception) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    if isinstance(error, CannotMeasure | KoansError):
        return text
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {text} ({Path(last.filename).name}:{last.lineno})"


def numbers(figures: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number in the figures, with its path."""
    if isinstance(figures, dict):
        for key, value in figures.items():
            yield from numbers(value, f"{path}/{key}")
    elif isinstance(figures, list):
        if not figures:
            raise CannotMeasure(f"{path} has no figures")
        for i, value in enumerate(figures):
            yield from numbers(value, f"{path}/{i}")
    elif isinstance(figures, int | float) and not isinstance(figures, bool):
        yield path, figures


def machine() -> Figures:
    return {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.platform()}


def progress(text: str) -> None:
    """Show a person who waits what is being done now. Nothing is shown if stderr is no terminal."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)


def copy_workbook(folder: Path) -> Workbook:
    """Copy the workbook into a folder."""
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in FILES:
        shutil.copy(ROOT / file, folder / file)
    return Workbook(folder)


def pss(pid: int) -> float:
    """The proportional set size of a process in MiB: shared pages count once. 0 if the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def children(pid: int) -> list[int]:
    """The running processes that this process started."""
    pids: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):  # a child is listed under the thread that started it
        with contextlib.suppress(OSError):
            pids += map(int, file.read_text().split())
    return pids
