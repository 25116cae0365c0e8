"""What a call came to, what the contract expects of it, and the gap between the two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from reference import Moves

if TYPE_CHECKING:
    from grader.kernels.interpreter.count import Traffic


GapKind = Literal["raises", "mutated", "type", "structure", "shape", "dtype", "device", "value", "traffic"]


@dataclass(frozen=True)
class Outcome:
    """What a call came to: a value, or the exception it raised. `mutated` is the place or name of the
    input it changed, if any, `traffic` what kernels moved meanwhile."""

    value: Any = None
    error: BaseException | None = None
    mutated: str | None = None
    traffic: Traffic | None = None


@dataclass(frozen=True)
class Expected:
    """What the contract asks for: `ref` (computed in float64), the dtypes promised, the bound of each leaf."""

    outcome: Outcome
    native: Outcome
    widths: Sequence[Tensor | None]
    bits: bool = False
    largest: float = 0.0  # of all Python floats that went in
    moves: Callable[[Mapping[str, Any]], Moves] | None = None  # what kernels with a CONFIG need to move

    def widened(self, factor: float) -> Expected:
        return replace(self, widths=[w if w is None else w * factor for w in self.widths])


@dataclass(frozen=True)
class Gap:
    """The first way in which an answer does not agree. `index` points at the worst element of a tensor."""

    kind: GapKind
    says: str
    index: tuple[int, ...] | None = None
    table: Sequence[str] = ()  # shown in place of expected and actual
