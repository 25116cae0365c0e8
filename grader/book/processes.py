"""What a process of this package needs to start: the module to run, and where Python finds the package."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

NAME = __name__.partition(".")[0]
FOLDER = Path(__file__).resolve().parents[2]  # the folder in which Python found the package


def module(package: str | None, name: str) -> tuple[str, str]:
    """Python's arguments for running a module of the caller's own package: `module(__package__, "worker")`.

    No module of another package can be named. So the rules for imports between packages also hold for commands.
    """
    return "-m", f"{package}.{name}"


def environment(folder: Path, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of `base`, with `folder` first in PYTHONPATH. Python then imports the copy of the package there."""
    path = os.pathsep.join([str(folder), *filter(None, [base.get("PYTHONPATH")])])
    return {**base, "PYTHONPATH": path}


def is_ours(module_name: str) -> bool:
    """Whether this is the name of a module of this package."""
    return module_name.partition(".")[0] == NAME
