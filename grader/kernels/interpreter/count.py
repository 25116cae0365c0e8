"""What a launcher's kernels moved and computed: bytes per argument, FLOPs of `tl.dot`, coverage of what they wrote.

The problem upstream: nothing counts. The interpreter runs every load as written, so summing active lanes gives the
bytes a GPU would ask its memory system for, exactly; caches are not modelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grader.kernels.interpreter.coverage import Coverage
from grader.kernels.interpreter.guard import Argument


@dataclass
class Moved:
    """One argument: bytes loaded and stored, and the bytes it has."""

    loaded: int = 0
    stored: int = 0
    size: int = 0
    coverage: Coverage | None = None

    @property
    def reads(self) -> float:
        """How many times it is read over."""
        return self.loaded / self.size if self.size else 0.0


@dataclass
class Traffic:
    """All launches of one call, by argument name; arguments of one name in several kernels count together."""

    config: Mapping[str, Any] = field(default_factory=dict)
    moved: dict[str, Moved] = field(default_factory=dict)
    flops: int = 0
    programs: int = 0

    @property
    def loaded(self) -> int:
        return sum(m.loaded for m in self.moved.values())

    @property
    def stored(self) -> int:
        return sum(m.stored for m in self.moved.values())

    def figures(self) -> dict[str, tuple[int, int]]:
        """Bytes loaded and stored of every argument that was touched."""
        return {name: (m.loaded, m.stored) for name, m in self.moved.items() if m.loaded or m.stored}

    def meet(self, argument: Argument) -> None:
        self.moved.setdefault(argument.name, Moved()).size = argument.numel * argument.itemsize

    def load(self, argument: Argument, addresses: Any) -> None:
        self.moved[argument.name].loaded += addresses.size * argument.itemsize

    def store(self, argument: Argument, addresses: Any) -> None:
        moved = self.moved[argument.name]
        moved.stored += addresses.size * argument.itemsize
        if moved.coverage is None or moved.coverage.tensor is not argument.tensor:
            moved.coverage = Coverage(argument)
        moved.coverage.mark(argument, addresses)

    def dot(self, a: Any, b: Any) -> None:
        """2·m·n·k for a product of (…, m, k) by (…, k, n)."""
        *batch, m, k = a.data.shape
        product = 2 * m * k * b.data.shape[-1]
        for n in batch:
            product *= n
        self.flops += product
