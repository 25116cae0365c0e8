"""Which Triton is installed, and whether kernels can be compiled with it. Nothing else of the workbook needs Triton."""

from __future__ import annotations

import importlib.metadata
import re

TESTED = (3, 7), (3, 10)  # versions whose compiler is tested: from, up to but not including


def installed() -> str:
    """The version of the installed Triton, or an empty string."""
    try:
        return importlib.metadata.version("triton")  # importing Triton would take half a second
    except importlib.metadata.PackageNotFoundError:
        return ""


def unfit() -> str:
    """Why kernels cannot be compiled with the installed Triton, or an empty string."""
    found = installed()
    if not found:
        return "compiling needs triton, which is built for Linux only"
    version = tuple(int(n) for n in re.findall(r"\d+", found)[:2])
    if not TESTED[0] <= version < TESTED[1]:
        low, high = (".".join(map(str, v)) for v in TESTED)
        return (
            f"compiling needs triton from {low} up to, not including, {high}; here is {found}: "
            f"`pip install 'triton>={low},<{high}'`"
        )
    return ""
