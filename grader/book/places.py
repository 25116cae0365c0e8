"""Where the parts of a workbook lie.

A clone has everything in one folder. A folder that `koans init` made has only the learner's files; the rest comes with
the package that is installed: texts, tests and solutions in SHIPPED, and the code in the folder of the package.
"""

from __future__ import annotations

from pathlib import Path

from grader.book.processes import FOLDER

# A wheel has its data in a folder of its own (see [tool.hatch] in pyproject.toml). A clone is its own data.
DATA = "tensor_koans"
SHIPPED = FOLDER if (FOLDER / "content").is_dir() else FOLDER / DATA


def shipped(root: Path) -> Path:
    """The folder with content/, exercises/, solutions/ and the like, for the workbook at `root`."""
    return root if is_whole(root) else SHIPPED


def code(root: Path) -> Path:
    """The folder with the packages `grader` and `reference`, for the workbook at `root`."""
    return root if (root / "grader").is_dir() else FOLDER


def is_whole(root: Path) -> bool:
    """Whether the workbook at `root` has its own content: it is a clone, an edition, or what a wheel brings."""
    return (root / "grader").is_dir() or (root / "content").is_dir()
