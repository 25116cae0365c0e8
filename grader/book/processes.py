"""How a process of this package is started: the module to run, and where Python finds the package."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

NAME = __name__.partition(".")[0]
FOLDER = Path(__file__).resolve().parents[2]  # Python found the package in this folder


def module(package: str | None, name: str) -> tuple[str, str]:
    """Python's arguments for running a module beside the caller's: `module(__package__, "worker")`.

    The name is relative to the caller's package, so a command cannot cross a border that imports must not cross.
    """
    return "-m", f"{package}.{name}"


def environment(folder: Path, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`base`, with the package in `folder` found before any other copy."""
    path = os.pathsep.join([str(folder), *filter(None, [base.get("PYTHONPATH")])])
    return {**base, "PYTHONPATH": path}


def is_ours(module_name: str) -> bool:
    """Is this the name of a module of this package?"""
    return module_name.partition(".")[0] == NAME
