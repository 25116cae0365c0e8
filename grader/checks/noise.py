"""How far an oracle's result moves when each of its operations rounds at random.

This is Monte Carlo arithmetic (Parker 1997; Verificarlo, CADNA): the error bound is measured, not chosen. The oracle
runs in float64. Every inexact operation gets a relative error of at most `u`; a sum gets an error that grows with its
length, as in a sequential fp32 accumulation. The spread over a few draws is how far any honest order of
operations may differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from grader.checks.pytree import leaves, mapped
from reference import shaken

U32 = 2.0**-24  # unit roundoff of fp32, the precision that every koan computes in
DRAWS = 8
SLACK = 16  # bounds are this many times the spread; honest errors reached 7.75 times in 183,448 checks

# Operations that return one of their inputs, or a value that is representable exactly: they round nothing.
EXACT = frozenset(
    """neg abs amax amin max min maximum minimum where index cat stack masked_fill clone detach relu _to_copy
    copy gather zeros ones full empty zeros_like ones_like full_like empty_like arange scalar_tensor lift_fresh
    lift_fresh_copy index_put scatter index_select clamp clamp_min clamp_max round floor ceil trunc sort argsort topk
    tril triu new_zeros new_full new_ones new_empty new_empty_strided empty_strided fill zero masked_select repeat
    repeat_interleave flip constant_pad_nd sign sgn roll copysign _unsafe_view _reshape_alias _reshape_copy view set_
    resize_ cummax unfold argmax argmin embedding take take_along_dim diagonal_copy slice_scatter select_scatter ldexp
    frexp isinf isnan""".split()  # noqa: SIM905
)
SUMS = frozenset({"sum", "mean", "mm", "bmm", "dot", "mv"})


def is_float(x: object) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()


def to_float64(tree: Any) -> Any:
    """A nested structure with every floating-point tensor in float64."""
    return mapped(lambda x: x.detach().to(torch.float64) if is_float(x) else x, tree)


class Noise(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within the block, every inexact float64 operation rounds at random, with a unit roundoff of `u`."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing here is compiled. Saying so avoids the import of torch._dynamo: 800 modules, 1.4 s of every start."""
        return False

    def __init__(self, u: float, seed: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.u = u
        self.generator = torch.Generator().manual_seed(seed)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        base, in_place, exact = _operation(func)
        if exact:
            return out
        # Autograd has already run at this level, so it does not record the operations below.
        if isinstance(out, Tensor):
            return self._round(out, base, args, in_place)
        return mapped(lambda o: self._round(o, base, args, in_place), out)

    def _round(self, out: Any, base: str, args: Any, in_place: bool) -> Any:
        if not isinstance(out, Tensor) or out.dtype != torch.float64 or not out.numel():
            return out
        factor = _uniform(out, 1, self.u, self.generator)
        if base not in SUMS:
            return out.mul_(factor) if in_place else out * factor
        n, root = _terms(base, args, out)
        spread = out.abs().mul_(math.sqrt(n / 3)).add_(root, alpha=math.sqrt(n))
        error = _uniform(out, 0, self.u, self.generator).mul_(spread).nan_to_num_(0, 0, 0)
        return out.mul_(factor).add_(error) if in_place else out * factor + error


def _uniform(like: Tensor, middle: float, radius: float, generator: torch.Generator) -> Tensor:
    """Random numbers within `radius` of `middle`, one for each element of `like`."""
    return torch.empty(like.shape, dtype=torch.float64).uniform_(middle - radius, middle + radius, generator=generator)


@cache
def _operation(func: Any) -> tuple[str, bool, bool]:
    """The name of an operation, whether it works in place, and whether it is exact."""
    name = func._schema.name.split("::")[1]
    base = name if name in EXACT else name.rstrip("_")
    return base, name.endswith("_"), base in EXACT or bool(func.is_view)


def _terms(base: str, args: Any, out: Tensor) -> tuple[int, Tensor]:
    """The number n of terms of a sum, and the root of the sum of their squares (divided by n for a mean)."""
    if base in ("sum", "mean"):
        x = args[0].double()
        dims = args[1] if len(args) > 1 and args[1] is not None else list(range(x.dim()))
        dims = dims if dims != [] else list(range(x.dim()))
        n = max(1, x.numel() // max(1, out.numel()))
        root = (x * x).sum(dims, keepdim=out.dim() == x.dim()).sqrt() if x.dim() else x.abs()
        return n, root / n if base == "mean" else root
    a, b = args[0], args[1]
    return a.shape[-1], ((a * a) @ (b * b)).sqrt()


def spread_by_row(reference: Sequence[Any], draw: Callable[[int], Sequence[Any]], draws: int) -> list[Tensor | None]:
    """The largest distance from `reference` over the draws, for each leaf. A row of the last axis has one value."""
    widths = [torch.zeros(r.shape, dtype=torch.float64) if is_float(r) else None for r in reference]
    for seed in range(draws):
        for leaf, r, w in zip(draw(seed), reference, widths, strict=True):
            if w is not None and is_float(leaf) and leaf.shape == w.shape:
                torch.maximum(w, (leaf.double() - r.double()).abs_().nan_to_num_(0, 0, 0), out=w)
    return [None if w is None else by_row(w) for w in widths]


def by_row(w: Tensor) -> Tensor:
    """Every element as large as the largest one of its row of the last axis."""
    return w.amax(-1, keepdim=True).expand_as(w) if w.dim() and w.numel() else w


def width(
    formula: Callable[..., Any], args: Any, kwargs: Any, exact: list[Any] | None = None, draws: int = DRAWS
) -> list[Tensor | None]:
    """How far an honest computation of `formula` may move on these float64 inputs, for each leaf of the result.

    `exact` are the leaves of the result without noise, if they are known already. With fewer draws the width is at most
    as large.
    """
    exact = leaves(formula(*args, **kwargs)) if exact is None else exact

    def draw(seed: int) -> list[Any]:
        generator = torch.Generator().manual_seed(seed + 7)

        def perturb(x: Any) -> Any:
            if not is_float(x):
                return x
            return _uniform(x, 1, U32, generator).mul_(x)

        shaken_args, shaken_kwargs = mapped(perturb, (args, kwargs))
        with Noise(U32, seed):
            return leaves(formula(*shaken_args, **shaken_kwargs))

    return [None if s is None else SLACK * s for s in spread_by_row(exact, draw, draws)]


def lowp_width(
    formula: Callable[..., Any],
    args: Any,
    kwargs: Any,
    dtype: torch.dtype,
    exact: list[Any],
    draws: int = DRAWS,
) -> list[Tensor | None]:
    """How far the result moves when only the values marked with `lowp` are rounded to `dtype`.

    One draw rounds them as an honest answer does: roundings of like values go the same way, and random ones do not.
    """
    u = torch.finfo(dtype).eps / 2

    def draw(number: int) -> list[Any]:
        generator = torch.Generator().manual_seed(max(0, number - 1))

        def shake(t: Tensor) -> Tensor:
            if number == 0:
                return t.to(dtype).to(t.dtype)
            return t * _uniform(t, 1, u, generator)

        with shaken(shake):
            return leaves(formula(*args, **kwargs))

    return [None if s is None else 2 * s for s in spread_by_row(exact, draw, draws + 1)]
