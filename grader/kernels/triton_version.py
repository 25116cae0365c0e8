"""Which Triton is installed, and whether kernels can be compiled with it. Nothing else of the workbook needs Triton."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from functools import cache

TESTED = (3, 7), (3, 10)  # versions whose compiler is tested: from, up to but not including

ELSEWHERE = "compiling needs triton, which exists for Linux only"


@cache
def installed() -> str:
    """The version of the installed Triton, or an empty string."""
    try:
        return importlib.metadata.version("triton")  # importing Triton would take half a second
    except importlib.metadata.PackageNotFoundError:
        return ""


def unfit() -> str:
    """Why kernels cannot be compiled with the installed Triton, or an empty string."""
    found = installed()
    low, high = (".".join(map(str, v)) for v in TESTED)
    install = f"`pip install 'triton>={low},<{high}'`"
    if not found:
        return f"compiling needs triton: {install}" if sys.platform == "linux" else ELSEWHERE
    version = tuple(int(n) for n in re.findall(r"\d+", found)[:2])
    if not TESTED[0] <= version < TESTED[1]:
        return f"compiling needs triton {low} or newer, but older than {high}; installed is {found}: {install}"
    return ""
