"""Find a smaller input that shows the same failure: cut axes of equal size in half, together, for as long as it
fails.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from grader.checks.context import current
from grader.checks.pytree import leaves, mapped

BUDGET = 0.5  # seconds for all failures of a function together: a learner waits for this
SMALL = 12  # elements in all: few enough to check by hand


def shrink(fn: Any, inputs: Any, fails: Callable[[Any], bool]) -> Any:
    """The smallest version of `inputs` of `fn` found for which `fails` still holds.

    Axes of one size are taken to be one axis and cut together; where that loses the failure, an axis is cut by its
    place.
    """
    start, spent = time.monotonic(), current().spent
    try:
        return _shrink(inputs, fails, start + BUDGET - spent[fn])
    finally:
        spent[fn] += time.monotonic() - start


def _shrink(inputs: Any, fails: Callable[[Any], bool], deadline: float) -> Any:
    while _elements(inputs) > SMALL:
        for smaller in _smaller(inputs):
            if time.monotonic() > deadline:
                return inputs
            if fails(smaller):
                inputs = smaller
                break
        else:
            return inputs
    return inputs


def _elements(inputs: Any) -> int:
    return sum(x.numel() for x in leaves(inputs) if isinstance(x, Tensor))


def _smaller(inputs: Any) -> Iterator[Any]:
    """Candidates, the boldest cuts first."""
    tensors = [x for x in leaves(inputs) if isinstance(x, Tensor)]
    sizes = sorted({n for x in tensors for n in x.shape if n > 1}, reverse=True)
    places = range(max((x.dim() for x in tensors), default=0))
    for place in (None, *places):
        for size in sizes:
            for start, stop in ((0, size // 2), (size // 2, size), (0, size - 1)):
                yield _cut(inputs, place, size, start, stop)


def _cut(inputs: Any, place: int | None, size: int, start: int, stop: int) -> Any:
    def cut(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        contiguous = x.is_contiguous()
        for axis, n in enumerate(x.shape):
            if n == size and place in (None, axis):
                x = x.narrow(axis, start, stop - start)
        return x.contiguous() if contiguous else x

    return mapped(cut, inputs)
