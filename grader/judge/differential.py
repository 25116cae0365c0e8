"""A function here and the same one in the sandbox: every call is made in both, and has to come to the same.

For the gate. A verdict rests on what calls come to and on nothing else, so where all calls agree to the bit the run
would have had the same verdict in the sandbox.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grader.book.policy import Forbidden
from grader.checks.agreement import clone
from grader.checks.memory import limited
from grader.checks.naming import identical
from grader.checks.outcome import Outcome
from grader.judge.sandbox import proxy


class DifferentialFunction:
    """Call it like the function. A difference ends the run: see `Worker.give_up`."""

    def __init__(self, here: Callable[..., Any], there: proxy.Proxy, memory: int | None = None) -> None:
        self.here, self.there, self.memory = here, there, memory
        self.__name__ = there.__name__

    def within(self, memory: int) -> DifferentialFunction:
        """Both under a limit: see grader.checks.memory."""
        return DifferentialFunction(self.here, self.there, memory)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = clone((args, kwargs))
        there = _made(self.there, given[0], given[1], self.memory)
        here = _made(self.here, args, kwargs, self.memory)
        left = Outcome(value=(args, kwargs)), Outcome(value=given)
        if not identical(here, there) or not identical(*left):
            says = f"{self.__name__} comes to {told(there)} in the sandbox and to {told(here)} outside"
            self.there.give_up(says)
        if here.error is not None:
            raise here.error
        return here.value


def _made(fn: Callable[..., Any], args: Any, kwargs: Any, memory: int | None) -> Outcome:
    """What a call comes to. What it does to its inputs is looked at afterwards, in both."""
    try:
        return Outcome(value=limited(fn, memory)(*args, **kwargs))
    except Forbidden:
        raise
    except (Exception, SystemExit) as error:
        return Outcome(error=error)


def told(outcome: Outcome) -> str:
    if outcome.error is not None:
        return repr(outcome.error)
    return repr(outcome.value)
