"""Finds a smaller input with the same failure: it cuts all axes of one size in half while the failure remains."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from grader.checks.pytree import leaves, mapped
from grader.checks.run_context import Spent, current

# For all failures of a function together, because a learner waits for it. Tries are counted, and not their time: the
# same failure has the same message on a busy machine. Only a slow function meets the limit of seconds.
TRIES = 40
SECONDS = 5.0
SMALL = 12  # elements of all tensors together: few enough to check by hand


def shrink(fn: Any, inputs: Any, fails: Callable[[Any], bool]) -> Any:
    """The smallest version of the inputs of `fn` that was found and for which `fails` holds.

    Axes of the same size are cut together, because they are probably the same axis. If the failure is then lost, only
    the axes with the same position are cut.
    """
    start, spent = time.monotonic(), current().shrinking[fn]
    try:
        return _shrink(inputs, fails, spent, start + SECONDS - spent.seconds)
    finally:
        spent.seconds += time.monotonic() - start


def _shrink(inputs: Any, fails: Callable[[Any], bool], spent: Spent, deadline: float) -> Any:
    while _elements(inputs) > SMALL:
        for smaller in _smaller(inputs):
            if spent.tries == TRIES or time.monotonic() > deadline:
                return inputs
            spent.tries += 1
            if fails(smaller):
                inputs = smaller
                break
        else:
            return inputs
    return inputs


def _elements(inputs: Any) -> int:
    return sum(x.numel() for x in leaves(inputs) if isinstance(x, Tensor))


def _smaller(inputs: Any) -> Iterator[Any]:
    """Smaller versions of the inputs, the smallest first."""
    tensors = [x for x in leaves(inputs) if isinstance(x, Tensor)]
    sizes = sorted({n for x in tensors for n in x.shape if n > 1}, reverse=True)
    positions = range(max((x.dim() for x in tensors), default=0))
    for position in (None, *positions):
        for size in sizes:
            for start, stop in ((0, size // 2), (size // 2, size), (0, size - 1)):
                yield _cut(inputs, position, size, start, stop)


def _cut(inputs: Any, position: int | None, size: int, start: int, stop: int) -> Any:
    def cut(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        contiguous = x.is_contiguous()
        for axis, n in enumerate(x.shape):
            if n == size and position in (None, axis):
                x = x.narrow(axis, start, stop - start)
        return x.contiguous() if contiguous else x

    return mapped(cut, inputs)
