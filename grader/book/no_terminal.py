"""What `breakpoint()`, `pdb.set_trace()` and `input()` do in a run, which has no terminal: they end the test."""

from __future__ import annotations

import builtins
import pdb
import sys
from collections.abc import Callable
from typing import Any, NoReturn

CALLS = ("breakpoint()", "pdb.set_trace()", "input()")


class NoTerminal(BaseException):
    """The code asked for a terminal by `call`, one of CALLS.

    It is no Exception, so that neither the code under test nor a check takes it for an error that the code raised.
    """

    def __init__(self, call: str) -> None:
        super().__init__(call)
        self.call = call


def _refusing(call: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise NoTerminal(call)

    return refuse


def install() -> None:
    """Let these calls raise NoTerminal in this process from now on."""
    sys.breakpointhook, pdb.set_trace, builtins.input = map(_refusing, CALLS)
