"""The versions of Python and of other packages that the workbook is tested with. They stand in pyproject.toml alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from grader.book.processes import FOLDER
from grader.book.project import project

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet


def versions(root: Path = FOLDER) -> Mapping[str, str]:
    """The tested range of each dependency by its name, and of Python as "python": `{"torch": ">=2.9,<2.14"}`.

    They come from the package of the workbook at `root` (see `project`).
    """
    from packaging.requirements import Requirement  # 50 ms

    package = project(root)
    requirements = [Requirement(text) for text in package.requirements]
    return {"python": package.python, **{r.name: _in_order(r.specifier) for r in requirements}}


def _in_order(bounds: SpecifierSet) -> str:
    """The bounds as people write them: the lower one first."""
    from packaging.version import Version

    return ",".join(map(str, sorted(bounds, key=lambda bound: Version(bound.version))))
