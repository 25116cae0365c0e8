"""Finds the elements of an output that were never written, and those written more than once.

The problem upstream: an output that no program wrote keeps its old contents, which may be right by chance. Here every
store is marked, element by element. Launchers also fill their outputs with NaN first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from grader.kernels.interpreter.guard import Argument


class Coverage:
    """How often each element of one argument was stored to."""

    def __init__(self, argument: Argument) -> None:
        self.name, self.shape = argument.name, argument.shape
        self.tensor = argument.tensor
        span = (argument.high - argument.low) // argument.itemsize
        self.low, self.itemsize = argument.low, argument.itemsize
        self._counts = np.zeros(span, dtype=np.int32)
        strides = [s * argument.itemsize for s in argument.stride]
        first = (argument.first - argument.low) // argument.itemsize
        self._view = np.lib.stride_tricks.as_strided(
            self._counts[first:], argument.shape, [s // argument.itemsize * 4 for s in strides], writeable=False
        )

    def mark(self, argument: Argument, addresses: Any) -> None:
        # A second launch has its own copy of the tensor, so positions are relative to the argument.
        np.add.at(self._counts, (addresses - argument.low) // self.itemsize, 1)

    @property
    def unwritten(self) -> int:
        return int((self._view == 0).sum())

    @property
    def rewritten(self) -> int:
        return int((self._view > 1).sum())

    def problem(self) -> str:
        """One line on elements that were not written, or written more than once. An empty string if all is well."""
        total = self._view.size
        if self.unwritten:
            return (
                f"{self.unwritten} of {total} elements of {self.name} are never written, the first at {self._first(0)}"
            )
        if self.rewritten:
            return (
                f"{self.rewritten} of {total} elements of {self.name} are written again, the first at {self._first(2)}"
            )
        return ""

    def _first(self, times: int) -> list[int]:
        """The index of the first element that was written at least so many times, or never (0)."""
        matches = self._view == 0 if times == 0 else self._view >= times
        return [int(i) for i in np.unravel_index(int(np.argmax(matches)), self.shape)]
