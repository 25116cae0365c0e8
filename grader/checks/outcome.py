"""The outcome of a call, the outcome that the oracle expects, and the gap between the two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from grader.checks.noise import DRAWS
from reference import Moves

if TYPE_CHECKING:
    from grader.kernels.tiles.counts import Traffic


Change = Literal["values", "requires_grad", "grad"]
GapKind = Literal["raises", "mutated", "type", "structure", "shape", "dtype", "device", "value", "traffic"]


@dataclass(frozen=True)
class Outcome:
    """What a call returned (`value`) or raised (`error`).

    `mutated` is the position (as a string) or the name of the first input that the call changed, and `change` is what
    it changed about it. `traffic` is what kernels moved during the call.
    """

    value: Any = None
    error: BaseException | None = None
    mutated: str | None = None
    change: Change = "values"
    traffic: Traffic | None = None


@dataclass(frozen=True)
class Expected:
    """What the oracle expects.

    `outcome` was computed in float64, or with `bits` in the inputs' dtypes. `native` was computed in the inputs'
    dtypes, so it has the dtypes that an answer must have. `measure` gives the bounds from so many draws
    of noise (0: see `lowp_widths`), one for each leaf of the value; None where the leaf is not a floating-point tensor.
    """

    outcome: Outcome
    native: Outcome
    measure: Callable[[int], Sequence[Tensor | None]] = lambda draws: ()
    bits: bool = False
    largest: float = 0.0  # the largest magnitude of the Python floats among the inputs
    moves: Callable[[Mapping[str, Any]], Moves] | None = None  # the bytes and FLOPs that kernels need, by their CONFIG

    @cached_property
    def widths(self) -> Sequence[Tensor | None]:
        """The bounds."""
        return self.measure(DRAWS)

    @cached_property
    def rough_widths(self) -> Sequence[Tensor | None]:
        """The bounds from one draw: at most as large. What lies within them needs no others.

        Measuring takes most of the time of a check, and most honest answers are far inside the bounds.
        """
        return self.measure(1)

    @cached_property
    def lowp_widths(self) -> Sequence[Tensor | None]:
        """The part of the bounds that comes from the values marked with `lowp`, measured without noise."""
        return self.measure(0)

    def widened(self, factor: float) -> Expected:
        """The same with every bound multiplied by `factor`."""
        return replace(self, measure=lambda draws: [w if w is None else w * factor for w in self.widths])


@dataclass(frozen=True)
class Gap:
    """The first way in which an answer disagrees. `index` is the position of the worst element of a tensor."""

    kind: GapKind
    message: str
    index: tuple[int, ...] | None = None
    table: Sequence[str] = ()  # lines that are shown instead of the expected and the actual value
