"""The versions of what a verdict depends on."""

from __future__ import annotations

import importlib.metadata
import platform
import tomllib

from grader.book.workbook import Workbook


def versions(workbook: Workbook) -> dict[str, str]:
    """Versions of everything that a verdict depends on. A package that is not installed is left out."""
    project = tomllib.loads((workbook.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    result = {"koans": project["version"], "python": platform.python_version()}
    for name in ("torch", "triton", "numpy"):
        try:
            result[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return result
