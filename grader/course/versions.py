"""The versions of what a verdict depends on."""

from __future__ import annotations

import importlib.metadata
import platform

from grader.book.project import project
from grader.book.workbook import Workbook


def versions(workbook: Workbook) -> dict[str, str]:
    """Versions of everything that a verdict depends on. A package that is not installed is left out."""
    result = {"koans": project(workbook.root).version, "python": platform.python_version()}
    for name in ("torch", "triton", "numpy"):
        try:
            result[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return result
