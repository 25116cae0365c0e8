"""What the checks of one run share: how thorough they are, the memo they use, and what they saw of each function.

Tests call `agrees(fn, ...)` and pass nothing else, so the run in progress is kept here. A process makes one run at a
time. Outside of a run (a script, a notebook) there is one context for the whole process.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.checks.memo import Memo
    from grader.checks.naming import Passed


@dataclass
class Run:
    """The state of one run. All but `brief`, `memo` and `raced` are by function under test.

    `brief`: no failing input is made smaller, and no message is written that nobody will read. `named`: the wrong
    answers that each failure looks like. `passed`: checks that tell look-alikes apart. `failed`: the functions that
    failed a check. `spent`: seconds that went into smaller inputs. `raced`: of the last race on a GPU, the median
    milliseconds of each contestant, until they are reported.
    """

    brief: bool = False
    memo: Memo | None = None
    named: defaultdict[Any, list[set[str]]] = field(default_factory=lambda: defaultdict(list))
    passed: defaultdict[Any, list[Passed]] = field(default_factory=lambda: defaultdict(list))
    failed: set[Any] = field(default_factory=set)
    spent: defaultdict[Any, float] = field(default_factory=lambda: defaultdict(float))
    raced: dict[str, float] = field(default_factory=dict)


_current = Run()


def current() -> Run:
    """The run in progress."""
    return _current


def start(run: Run) -> None:
    """Begin a run. What the one before saw is forgotten."""
    global _current
    _current = run
