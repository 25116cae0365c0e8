"""What the checks of one run share: how thorough they are, the cache they use, and what they saw of each function.

Tests call `agrees(fn, ...)` and pass nothing else, so the run in progress is kept here. A process makes one run at a
time. Outside of a run (a script, a notebook) there is one context for the whole process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from grader.checks.oracle_cache import OracleCache, digest
from grader.checks.outcome import Expected


class PassedCheck(NamedTuple):
    """A check that the learner's code passed: a wrong answer that would have failed it is not theirs."""

    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    expected: Expected
    digest: bytes | None = None  # of its inputs, in the cache


@dataclass
class Run:
    """The state of one run. All but `brief`, `cache` and `raced` are by function under test.

    `brief`: no failing input is made smaller, and no message is written that nobody will read. `named`: the wrong
    answers that each failure looks like. `passed`: checks that tell look-alikes apart. `failed`: the functions that
    failed a check. `spent`: seconds that went into smaller inputs. `raced`: of the last race on a GPU, the median
    milliseconds of each contestant, until they are reported.
    """

    brief: bool = False
    cache: OracleCache | None = None
    named: defaultdict[Any, list[set[str]]] = field(default_factory=lambda: defaultdict(list))
    passed: defaultdict[Any, list[PassedCheck]] = field(default_factory=lambda: defaultdict(list))
    failed: set[Any] = field(default_factory=set)
    spent: defaultdict[Any, float] = field(default_factory=lambda: defaultdict(float))
    raced: dict[str, float] = field(default_factory=dict)

    def digest(self, inputs: Any) -> bytes | None:
        """A short name for these inputs in the cache. None without a cache, or if one of them is not a plain value."""
        return None if self.cache is None else digest(inputs)


_current = Run()


def current() -> Run:
    """The run in progress."""
    return _current


def start(run: Run) -> None:
    """Begin a run. What the one before saw is forgotten."""
    global _current
    _current = run
