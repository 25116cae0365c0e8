"""Compares a function in this process with the same one in the sandbox: every call is made in both.

The gate uses it. A verdict depends only on what calls return, raise and do to their inputs. So if all calls agree to
the bit, the run would have had the same verdict in the sandbox.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grader.book.forbidden import Forbidden
from grader.checks.copies import clone
from grader.checks.memory import limited
from grader.checks.misconceptions import identical
from grader.checks.outcome import Outcome
from grader.judge.sandbox import proxy


class DifferentialFunction:
    """Call it like the function. A difference ends the run: see `SandboxWorker.give_up`."""

    def __init__(self, here: Callable[..., Any], there: proxy.Proxy, memory: int | None = None) -> None:
        self.here, self.there, self.memory = here, there, memory
        self.__name__ = there.__name__

    def within(self, memory: int) -> DifferentialFunction:
        """The same with a limit, in bytes, on the memory of both: see grader.checks.memory."""
        return DifferentialFunction(self.here, self.there, memory)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return or raise what the function in this process does, if the sandbox agrees to the bit."""
        copies = clone((args, kwargs))
        there = _call(self.there, copies[0], copies[1], self.memory)
        here = _call(self.here, args, kwargs, self.memory)
        inputs_here, inputs_there = Outcome(value=(args, kwargs)), Outcome(value=copies)  # as the calls left them
        if not identical(here, there) or not identical(inputs_here, inputs_there):
            difference = f"{self.__name__} gives {_describe(there)} in the sandbox and {_describe(here)} outside"
            self.there.give_up(difference)
        if here.error is not None:
            raise here.error
        return here.value


def _call(fn: Callable[..., Any], args: Any, kwargs: Any, memory: int | None) -> Outcome:
    """The value or the error of a call. Raises Forbidden, which is a rule of the koan and no result to compare."""
    try:
        return Outcome(value=limited(fn, memory)(*args, **kwargs))
    except Forbidden:
        raise
    except (Exception, SystemExit) as error:
        return Outcome(error=error)


def _describe(outcome: Outcome) -> str:
    return repr(outcome.error if outcome.error is not None else outcome.value)
