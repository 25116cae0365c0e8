"""Mistakes that can be made in any koan, and that the answer itself shows without a wrong answer of the reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from grader.book.processes import is_ours
from grader.checks.outcome import Expected, Gap, Outcome
from grader.checks.pytree import leaves
from reference import LOW_PRECISION

LOW = "low_precision"  # the name of a mistake that float32 does not show
AT_EDGES = "raises_"  # starts the name of a mistake that other inputs do not show
NEAR = 2.0**-4  # relative to the largest number of a row: errors of 16 bits stay far below it
CHANGED = {
    "values": "changed by the call: work on a copy",
    "requires_grad": "left with a different requires_grad: work on a detached copy",
    "grad": "left with a .grad: work on a detached copy",
}


def general_mistakes(inputs: Any, actual: Outcome, expected: Expected, gap: Gap) -> dict[str, str]:
    """The general mistakes that this failure shows: a description of each by name. See `possible` too."""
    return dict(_found(inputs, actual, expected, gap))


def _found(inputs: Any, actual: Outcome, expected: Expected, gap: Gap) -> Iterator[tuple[str, str]]:
    want = expected.outcome
    if gap.kind == "mutated":
        yield f"input_{actual.change}", f"an input is {CHANGED[actual.change]}"
    elif gap.kind == "raises" and want.error is not None and actual.error is None:
        asked = type(want.error).__name__
        yield f"accepts_{asked}", f"a bad input is accepted: raise {asked}, as the docstring says"
    elif gap.kind == "raises" and actual.error is not None:
        got = type(actual.error).__name__
        if want.error is not None:
            asked = type(want.error).__name__
            yield f"raises_{got}_not_{asked}", f"a bad input raises {got}: the docstring asks for {asked}"
        elif not is_ours(type(actual.error).__module__):  # an error of ours says more than that
            yield AT_EDGES + got, f"it raises {got} for a valid input"
    elif gap.kind == "dtype":
        for dtype, promised in _dtypes(actual, expected):
            short = str(dtype).removeprefix("torch.")
            yield f"gives_{short}", f"the result is in {short}: the docstring promises {_promise(promised, inputs)}"
            break
    elif gap.kind == "shape":
        yield from _shapes(actual.value, want.value)
    elif gap.kind == "type":
        kind, promise = type(actual.value).__name__, type(want.value).__name__
        if kind != promise:
            yield f"gives_a_{kind}", f"the result has type {kind}: the docstring promises {promise}"
    elif gap.kind == "value" and not expected.bits and _in_low_precision(inputs, actual, expected):
        yield LOW, LOW_PRECISION


def _dtypes(actual: Outcome, expected: Expected) -> Iterator[tuple[torch.dtype, torch.dtype]]:
    """The dtype of each tensor of the result and the promised one, where they differ."""
    promised = expected.native if expected.native.error is None else expected.outcome
    for got, want in zip(leaves(actual.value), leaves(promised.value), strict=False):
        if isinstance(got, Tensor) and isinstance(want, Tensor) and got.dtype != want.dtype:
            yield got.dtype, want.dtype


def _promise(dtype: torch.dtype, inputs: Any) -> str:
    mine = {x.dtype for x in leaves(inputs) if isinstance(x, Tensor)}
    return "the dtype of an input" if dtype in mine and len(mine) > 1 else str(dtype).removeprefix("torch.")


def _shapes(got: Any, want: Any) -> Iterator[tuple[str, str]]:
    for a, b in zip(leaves(got), leaves(want), strict=False):
        if not (isinstance(a, Tensor) and isinstance(b, Tensor)) or a.shape == b.shape:
            continue
        if [n for n in a.shape if n != 1] == [n for n in b.shape if n != 1]:
            if a.dim() < b.dim():
                yield "axis_lost", "an axis of length 1 is lost: squeeze() removes all of them"
            elif a.dim() > b.dim():
                yield "axis_kept", "the result has an extra axis of length 1"
        elif sorted(a.shape) == sorted(b.shape):
            yield "axes_in_another_order", "the axes of the result are in the wrong order"
        return


def _in_low_precision(inputs: Any, actual: Outcome, expected: Expected) -> bool:
    """Has a 16-bit input or result an error that 16 bits explain: small for its row, or beyond their range?"""
    results = [(a, w) for a, w in zip(leaves(actual.value), leaves(expected.outcome.value), strict=False)]
    tensors = [x for x in [*leaves(inputs), *(a for a, _ in results)] if isinstance(x, Tensor)]
    if not any(x.dtype in (torch.float16, torch.bfloat16) for x in tensors):
        return False
    return all(_near(a, w) for a, w in results if isinstance(a, Tensor) and isinstance(w, Tensor))


def _near(got: Tensor, want: Tensor) -> bool:
    if got.shape != want.shape or not got.is_floating_point():
        return bool(got.shape == want.shape and torch.equal(got.double(), want.double()))
    if not got.numel():
        return True
    a, w = got.detach().double(), want.detach().double()
    finite = w.isfinite()
    row = torch.where(finite, w.abs(), torch.zeros_like(w))
    row = row.amax(-1, keepdim=True) if row.dim() else row
    ok = (a - w).abs() <= NEAR * row
    return bool((ok | (a == w) | (a.isnan() & w.isnan())).all())


def possible(name: str, answered: Sequence[Any]) -> bool:
    """Can a function that returned the right result for these inputs have this general mistake?"""
    if name == LOW:
        return any(_all_float32(inputs) for inputs in answered)
    if name.startswith(AT_EDGES) and "_not_" not in name:
        return bool(answered)
    return True


def _all_float32(inputs: Any) -> bool:
    floats = [x for x in leaves(inputs) if isinstance(x, Tensor) and x.is_floating_point()]
    return bool(floats) and all(x.dtype == torch.float32 for x in floats)
