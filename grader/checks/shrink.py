"""Find a smaller input that shows the same failure: cut axes of equal size in half, together, for as long as it fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_map

from grader.checks.noise import leaves

BUDGET = 0.5  # seconds for all failures of a run together: a learner waits for this
SMALL = 12  # elements in all: few enough to check by hand


_spent = 0.0


def shrink(inputs: Any, fails: Callable[[Any], bool]) -> Any:
    """The smallest version of `inputs` found for which `fails` still holds. Axes of one size are taken to be one axis."""
    global _spent
    start = time.monotonic()
    try:
        return _shrink(inputs, fails, start + BUDGET - _spent)
    finally:
        _spent += time.monotonic() - start


def _shrink(inputs: Any, fails: Callable[[Any], bool], deadline: float) -> Any:
    progress = True
    while progress and _elements(inputs) > SMALL:
        progress = False
        for size in sorted(_sizes(inputs), reverse=True):
            for start, stop in ((0, size // 2), (size // 2, size), (0, size - 1)):
                if time.monotonic() > deadline:
                    return inputs
                smaller = _cut(inputs, size, start, stop)
                if fails(smaller):
                    inputs, progress = smaller, True
                    break
            if progress:
                break
    return inputs


def _elements(inputs: Any) -> int:
    return sum(x.numel() for x in leaves(inputs) if isinstance(x, Tensor))


def _sizes(inputs: Any) -> set[int]:
    return {n for x in leaves(inputs) if isinstance(x, Tensor) for n in x.shape if n > 1}


def _cut(inputs: Any, size: int, start: int, stop: int) -> Any:
    def cut(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        for axis, n in enumerate(x.shape):
            if n == size:
                x = x.narrow(axis, start, stop - start)
        return x

    return tree_map(cut, inputs)
