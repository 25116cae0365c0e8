"""Counts what kernels move and compute: bytes of each argument, FLOPs of `tl.dot`, and which elements they write.

The problem upstream: nothing counts. The interpreter runs every load as written, so the number of active lanes gives
exactly the bytes that a GPU would request from its memory system. Caches are not modeled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grader.kernels.interpreter.coverage import Coverage
from grader.kernels.interpreter.guard import Argument


@dataclass
class Moved:
    """One argument: the bytes loaded, the bytes stored, and its own size in bytes."""

    loaded: int = 0
    stored: int = 0
    size: int = 0
    coverage: Coverage | None = None

    @property
    def reads(self) -> float:
        """How many times the whole argument is read."""
        return self.loaded / self.size if self.size else 0.0


@dataclass
class Traffic:
    """What all launches of one call moved, by argument name. Several kernels' arguments of one name count together."""

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
        """The bytes loaded and stored of every argument that was loaded or stored at all."""
        return {name: (m.loaded, m.stored) for name, m in self.moved.items() if m.loaded or m.stored}

    def add_argument(self, argument: Argument) -> None:
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
        """Count 2·m·n·k FLOPs for each product of (…, m, k) by (…, k, n)."""
        *batch, m, k = a.data.shape
        product = 2 * m * k * b.data.shape[-1]
        for n in batch:
            product *= n
        self.flops += product
