"""Copies of inputs, and what a call changed about them.

Inputs belong to the test. A function under test gets a copy of them, so it cannot change what the test, the oracle or a
later call sees. Afterwards its copy is compared with the inputs.
"""

from __future__ import annotations

import contextlib
import copy
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader.book.serialization import Unpacker, pack
from grader.checks.outcome import Change

IMMUTABLE = frozenset({int, float, str, bool, bytes, complex, type(None), torch.dtype, torch.Size, torch.device, range})


def clone(tree: Any) -> Any:
    """A copy that shares nothing that can be changed: containers, tensors and arrays, with the same strides."""
    kind = type(tree)
    if kind in IMMUTABLE:
        return tree
    if kind is list:
        return [x if type(x) in IMMUTABLE else clone(x) for x in tree]
    if kind is tuple:
        return tuple([x if type(x) in IMMUTABLE else clone(x) for x in tree])
    if kind is dict:
        return {key: clone(x) for key, x in tree.items()}
    if isinstance(tree, Tensor):
        return _tensor(tree)
    if isinstance(tree, np.ndarray):
        # `copy` would lay out a view in another way.
        return tree.copy() if tree.flags.c_contiguous else Unpacker(1 << 62, 1 << 62)(pack(tree))
    return _other(tree)


def _tensor(x: Tensor) -> Tensor:
    if x.is_contiguous():
        return x.detach().clone().requires_grad_(x.requires_grad)
    values = x.detach()
    for axis, (n, stride) in enumerate(zip(x.shape, x.stride(), strict=True)):
        if n > 1 and stride == 0:  # the elements of an expanded axis are one element
            values = values.narrow(axis, 0, 1)
    span = sum((n - 1) * s for n, s in zip(values.shape, values.stride(), strict=True)) + 1 if values.numel() else 0
    # No code should read the memory between the elements. NaN there shows code that does, the same way each time.
    between = math.nan if x.is_floating_point() else 0
    base = torch.full((span,), between, dtype=x.dtype, device=x.device)
    try:
        base.as_strided(values.shape, values.stride()).copy_(values)
    except RuntimeError:  # elements overlap, as in sliding windows
        base = values.as_strided((span,), (1,)).clone()
    return base.as_strided(x.shape, x.stride()).requires_grad_(x.requires_grad)


def _other(x: Any) -> Any:
    """A copy of any other object. The object itself if it cannot be copied or its copy would look like a change."""
    with contextlib.suppress(Exception):
        other = copy.deepcopy(x)
        if other == x:
            return other
    return x


def change(before: Any, after: Any) -> Change | None:
    """What a call changed about one of its inputs, or None. Structure and types count, and every bit of a value."""
    kind = type(before)
    if type(after) is not kind:
        return "values"
    if kind is list or kind is tuple:
        if len(before) != len(after):
            return "values"
        return _first_change(before, after)
    if kind is dict:
        keys = list(before), list(after)
        if len(keys[0]) != len(keys[1]) or _first_change(*keys) is not None:
            return "values"
        return _first_change(before.values(), after.values())
    if not same_bits(before, after):
        return "values"
    if not isinstance(before, Tensor):
        return None
    if before.requires_grad != after.requires_grad:
        return "requires_grad"
    return "grad" if after.is_leaf and after.grad is not None else None


def _first_change(before: Any, after: Any) -> Change | None:
    for was, now in zip(before, after, strict=True):
        if was is not now:  # a copy has the immutable parts of the original
            found = change(was, now)
            if found is not None:
                return found
    return None


def same_bits(a: Any, b: Any) -> bool:
    """Are two values equal to the bit? All NaNs of a tensor or float are equal."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if a.shape != b.shape or a.dtype != b.dtype or a.device != b.device:
            return False
        if not a.is_floating_point():
            return bool(torch.equal(a, b))
        mine, yours = bits(a), bits(b)
        return bool(torch.equal(mine, yours)) or bool((mine == yours).logical_or_(a.isnan() & b.isnan()).all())
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    if isinstance(a, float) and isinstance(b, float):
        return (a == b and math.copysign(1, a) == math.copysign(1, b)) or (a != a and b != b)
    return type(a) is type(b) and bool(a == b)


def bits(x: Tensor) -> Tensor:
    """The patterns of floating-point numbers, as integers."""
    integer = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[x.element_size()]
    return x.detach().contiguous().view(integer)
