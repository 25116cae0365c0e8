"""What a workbook's package says of itself: its version, the Python and the packages that it needs, its addresses."""

from __future__ import annotations

import importlib.metadata
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from grader.book import places

NAME = "tensor-koans"


class Project(msgspec.Struct, frozen=True):
    """`python` is a range of versions. `requirements` are what every learner needs, as pip reads them."""

    version: str
    python: str
    requirements: tuple[str, ...]
    urls: Mapping[str, str]


def project(root: Path) -> Project:
    """The package of the workbook at `root`: as its pyproject.toml says, or else as it was installed."""
    file = places.code(root) / "pyproject.toml"
    return _of_file(file, file.stat().st_mtime_ns) if file.is_file() else _installed()


@cache
def _of_file(file: Path, _: int) -> Project:
    table = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    return Project(table["version"], table["requires-python"], tuple(table["dependencies"]), table.get("urls", {}))


@cache
def _installed() -> Project:
    found = importlib.metadata.metadata(NAME)
    requirements = [text for text in found.get_all("Requires-Dist") or () if "extra ==" not in text]
    addresses = [text.partition(", ") for text in found.get_all("Project-URL") or ()]
    urls = {name: url for name, _, url in addresses}
    return Project(found["Version"], found["Requires-Python"], tuple(requirements), urls)
