"""Compares two results of a function: their kind, dtype and shape, and how far their numbers are apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

EPS = torch.finfo(torch.float32).eps


class Apart(NamedTuple):
    """How far two results are apart: a problem that no tolerance covers, or the largest difference of two numbers.

    `largest` is the largest magnitude among the numbers of the second result.
    """

    problem: str = ""
    difference: float = 0.0
    largest: float = 0.0


def apart(theirs: Any, ours: Any, *, dtypes: bool = True) -> Apart:
    """Compare results that may hold tensors, numbers and texts, in lists, tuples and dicts.

    With dtypes=False float64 is as good as float32.
    """
    if isinstance(ours, Tensor):
        return _tensors(theirs, ours, dtypes=dtypes)
    if isinstance(ours, dict):
        if not isinstance(theirs, dict):
            return Apart(f"it returns {_kind(theirs)}, and ours a dict")
        if list(theirs) != list(ours):
            return Apart("the names in its dict differ from ours")
        return _all([apart(theirs[name], ours[name], dtypes=dtypes) for name in ours])
    if isinstance(ours, list | tuple):
        if not isinstance(theirs, list | tuple):
            return Apart(f"it returns {_kind(theirs)}, and ours {_kind(ours)}")
        if len(theirs) != len(ours):
            return Apart(f"it returns {len(theirs)} values, and ours {len(ours)}")
        return _all([apart(one, other, dtypes=dtypes) for one, other in zip(theirs, ours, strict=True)])
    if isinstance(ours, float):
        if isinstance(theirs, bool) or not isinstance(theirs, int | float):
            return Apart(f"it returns {_kind(theirs)}, and ours a float")
        return _tensors(torch.tensor(float(theirs)).double(), torch.tensor(ours).double(), dtypes=False)
    if theirs != ours:
        return Apart(f"it returns {_shown(theirs)}, and ours {_shown(ours)}")
    return Apart()


def _tensors(theirs: Any, ours: Tensor, *, dtypes: bool) -> Apart:
    if not isinstance(theirs, Tensor):
        return Apart(f"it returns {_kind(theirs)}, and ours a tensor")
    if theirs.shape != ours.shape:
        return Apart(f"its result has the shape {tuple(theirs.shape)}, and ours {tuple(ours.shape)}")
    if dtypes and theirs.dtype != ours.dtype:
        return Apart(f"its result is in {_name(theirs.dtype)}, and ours in {_name(ours.dtype)}")
    if not ours.numel():
        return Apart()
    if not (ours.is_floating_point() and theirs.is_floating_point()):
        wrong = int((theirs != ours).sum())
        return Apart(f"{wrong} of its {ours.numel()} values differ from ours" if wrong else "")
    a, b = theirs.double(), ours.double()
    if bool((a.isnan() & ~b.isnan()).any()):
        return Apart("its result has NaN where ours has numbers")
    if not torch.equal(a.isinf() * a.sign().nan_to_num(), b.isinf() * b.sign().nan_to_num()) or not torch.equal(
        a.isnan(), b.isnan()
    ):
        return Apart("infinities or NaN are at other places than in ours")
    finite = b.isfinite()
    if not bool(finite.any()):
        return Apart()
    return Apart("", float((a - b)[finite].abs().max()), float(b[finite].abs().max()))


def _all(each: list[Apart]) -> Apart:
    problem = next((one.problem for one in each if one.problem), "")
    return Apart(problem, max((o.difference for o in each), default=0.0), max((o.largest for o in each), default=0.0))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _kind(value: Any) -> str:
    return "a tensor" if isinstance(value, Tensor) else f"a {type(value).__name__}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
