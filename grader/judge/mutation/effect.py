"""Whether the mistake of a mutant ever had an effect. Without one the mutant says nothing about the tests."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grader.checks.pytree import mapped

NO_EFFECT = "the mistake has no effect on any input of the tests"
_seen: bool | None = None  # None: the mistake of the run in progress is not observed


def begin(observed: bool) -> None:
    """Begin a run. `observed`: its mutant tells, by `note`, when its mistake has an effect."""
    global _seen
    _seen = False if observed else None


def note() -> None:
    """The mistake has had an effect."""
    global _seen
    _seen = True


def none_seen() -> bool:
    """Was the mistake of the run in progress observed, and without an effect so far?"""
    return _seen is False


def rounded_to_16_bits(value: Any) -> Any:
    """The value with every float32 and float64 tensor rounded to bfloat16, in its own dtype."""
    return mapped(_rounded, value)


def _rounded(x: Any) -> Any:
    if not isinstance(x, Tensor) or x.dtype not in (torch.float32, torch.float64):
        return x
    result = x.bfloat16().to(x.dtype)
    if not torch.equal(result.nan_to_num(), x.nan_to_num()):
        note()
    return result
