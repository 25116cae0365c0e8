"""The state that the checks of one run share: how thorough they are, their cache, and the results for each function.

Tests call `agrees(fn, ...)` and pass no context, so this module holds the run in progress. A process makes one run at a
time. Outside of a run (in a script or a notebook) there is one context for the whole process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from grader.book.faults import by_machine
from grader.checks.oracle_cache import OracleCache, digest
from grader.checks.outcome import Expected
from reference import Oracle


@dataclass(frozen=True, eq=False)
class PassedCheck:
    """A check that the learner's code passed. A wrong answer that fails it is not what the learner wrote."""

    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    expected: Expected

    @cached_property
    def digest(self) -> bytes | None:
        """Identifies its inputs in the cache. Only a run with a failure needs it."""
        return current().digest((self.args, self.kwargs))


@dataclass
class Spent:
    """What was spent on looking for smaller inputs: how many were tried, and how many seconds it took."""

    tries: int = 0
    seconds: float = 0.0


@dataclass
class Run:
    """The state of one run. `looks`, `passed` and `shrinking` have an entry for each function under test.

    `brief`: failing inputs are not shrunk, and messages that nobody will read are not written. `looks`: the wrong
    answers that each failure looks like, and whether it is equal to them to the bit. `passed`: checks that rule out
    wrong answers. `failed`: the functions that failed a check, in that order, with their oracles. `shrinking`:
    what was spent on smaller inputs. `race_times`: the median milliseconds of each contestant of the last race on a
    GPU, until they are reported. `by_machine`: the machine may have caused an error (see `note`). `uncompiled`: a check
    of the machine code was left out, because no compiler that fits is installed; until it is reported. Without `races`
    the tests that need a GPU are not run here, even if there is one. Without `shrinks` failing inputs stay as they
    are: a hunt's are small, and each try is a training run.
    """

    brief: bool = False
    cache: OracleCache | None = None
    looks: defaultdict[Any, list[Mapping[str, bool]]] = field(default_factory=lambda: defaultdict(list))
    passed: defaultdict[Any, list[PassedCheck]] = field(default_factory=lambda: defaultdict(list))
    failed: dict[Any, Oracle[..., Any]] = field(default_factory=dict)
    shrinking: defaultdict[Any, Spent] = field(default_factory=lambda: defaultdict(Spent))
    race_times: dict[str, float] = field(default_factory=dict)
    by_machine: bool = False
    uncompiled: bool = False
    races: bool = True
    shrinks: bool = True

    def digest(self, inputs: Any) -> bytes | None:
        """The key of these inputs in the cache. None without a cache, or if an input is not a plain value."""
        return None if self.cache is None else digest(inputs)


_current = Run()


def current() -> Run:
    """The run in progress."""
    return _current


def note(error: BaseException) -> None:
    """Remember for the verdict if the machine may have caused this error, and not the code under test."""
    _current.by_machine = _current.by_machine or by_machine(error)


def start(run: Run) -> None:
    """Begin a run, with a fresh state."""
    global _current
    _current = run
