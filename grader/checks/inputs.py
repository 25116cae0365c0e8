"""Inputs with signal: kinds of values that show mistakes which small integers hide."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

KINDS: dict[str, Callable[[Tensor], Tensor]] = {
    "ordinary": lambda x: x,
    "large": lambda x: 100 * x,
    "tiny": lambda x: 1e-3 * x,
    "offset": lambda x: 100 + x,
    "huge": lambda x: 6e4 * x.sign(),
    "zeros": torch.zeros_like,
    "peaked": lambda x: x + 30 * (x == x.amax(-1, keepdim=True)) if x.numel() else x,
    "uneven": lambda x: x * 10.0 ** torch.linspace(-3, 3, x.shape[-2]).unsqueeze(-1) if x.dim() > 1 else x,
}


def seeded(seed: int) -> torch.Generator:
    """A random generator for the inputs of one test."""
    return torch.Generator().manual_seed(seed)


def randn(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    """Normal values, drawn in float32 and rounded to `dtype`."""
    return torch.randn(shape, generator=seeded(seed)).to(dtype)


def signal(kind: str, *shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    """Values of one of KINDS:

    ordinary  randn                                large   100·randn: no maximum, or a global one
    tiny      1e-3·randn: eps in the wrong place   offset  100 + randn: one-pass variance
    huge      ±6e4: exp in float64 instead of a maximum, fp16 overflow inside
    zeros     no eps                               peaked  one score far above the rest: a missing rescale
    uneven    rows from 1e-3 to 1e3: one scale or one maximum for all
    """
    return KINDS[kind](torch.randn(shape, generator=seeded(seed))).to(dtype)


def strided(x: Tensor) -> Tensor:
    """The same values in a tensor that is not contiguous: every second element of a buffer with its axes reversed."""
    if x.dim() == 0:
        return x
    order = tuple(reversed(range(x.dim())))
    buffer = torch.zeros([2 * x.shape[i] for i in order], dtype=x.dtype)
    view = buffer[tuple(slice(None, None, 2) for _ in order)].permute(order)
    return view.copy_(x)
