"""Decides how the processes of runs are started.

- "fork": a warm server forks a child for each run. Only Linux: on macOS a fork of a process that has torch may crash or
  hang, because Accelerate, libdispatch and Objective-C do not survive it. CPython's multiprocessing stopped using it
  there for the same reason (https://github.com/python/cpython/issues/77906).
- "spawn": a spare process has imported everything and waits for one run. The next spare starts meanwhile.
- "cold": each run starts its own process, and nothing waits.
"""

from __future__ import annotations

import os
import sys
from typing import Literal, get_args

from grader.book.errors import KoansError

Start = Literal["fork", "spawn", "cold"]
VARIABLE = "KOANS_START"  # environment variable: another way than this platform's


def how() -> Start:
    """How runs start here: as KOANS_START says, else in the fastest way that is safe on this platform.

    Raises KoansError if KOANS_START names no way, or one that this platform lacks.
    """
    asked = os.environ.get(VARIABLE, "")
    if not asked:
        return "fork" if sys.platform == "linux" and hasattr(os, "fork") else "spawn"
    for way in get_args(Start):
        if asked == way and (way != "fork" or hasattr(os, "fork")):
            return way  # type: ignore[no-any-return]
    ways = [way for way in get_args(Start) if way != "fork" or hasattr(os, "fork")]
    raise KoansError(f"{VARIABLE}={asked}: give one of {', '.join(ways)}, or leave it empty")
