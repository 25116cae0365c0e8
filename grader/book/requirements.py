"""The versions of Python and of other packages that the workbook is tested with. They stand in pyproject.toml alone."""

from __future__ import annotations

import importlib.metadata
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.book.processes import FOLDER

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

NAME = "tensor-koans"


def versions(root: Path = FOLDER) -> Mapping[str, str]:
    """The tested range of each dependency by its name, and of Python as "python": `{"torch": ">=2.9,<2.14"}`.

    They come from the pyproject.toml in `root` if it is the workbook's own, else from the code that runs.
    """
    from packaging.requirements import Requirement  # 50 ms

    project = _project(root) or _project(FOLDER) or _installed()
    requirements = [Requirement(text) for text in project["dependencies"]]
    return {"python": project["requires-python"], **{r.name: _in_order(r.specifier) for r in requirements}}


def _in_order(bounds: SpecifierSet) -> str:
    """The bounds as people write them: the lower one first."""
    from packaging.version import Version

    return ",".join(map(str, sorted(bounds, key=lambda bound: Version(bound.version))))


def _project(folder: Path) -> Mapping[str, Any] | None:
    """The [project] table of the workbook's own pyproject.toml. None if there is none in this folder."""
    file = folder / "pyproject.toml"
    if not file.is_file():
        return None
    project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
    return project if project.get("name") == NAME else None


def _installed() -> Mapping[str, Any]:
    """What a wheel says of itself. The requirements of extras are left out."""
    said = importlib.metadata.metadata(NAME)
    requirements = [text for text in said.get_all("Requires-Dist") or [] if "extra ==" not in text]
    return {"requires-python": said["Requires-Python"], "dependencies": requirements}
