"""Counts what kernels move and compute: bytes of each argument, FLOPs of tl.dot, and which elements they write.

The number of active lanes gives exactly the bytes that a GPU requests from its memory system. Caches are not modeled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grader.kernels.tiles.memory import Argument
from grader.kernels.tiles.tile import Array


class Coverage:
    """How often each element of one argument was stored to."""

    def __init__(self, argument: Argument) -> None:
        self.name, self.shape, self.tensor = argument.name, argument.shape, argument.tensor
        self.stores = 0  # elements stored, each as often as it was
        self._counts = np.zeros(argument.span, dtype=np.int32)
        itemsize = self._counts.itemsize
        self._view = np.lib.stride_tricks.as_strided(
            self._counts, argument.shape, [s * itemsize for s in argument.strides], writeable=False
        )

    def mark(self, positions: Array) -> None:
        """Count one store to each of these elements."""
        if 8 * positions.size < self._counts.size:
            np.add.at(self._counts, positions, 1)
        else:  # many at once are faster this way
            self._counts += np.bincount(positions, minlength=self._counts.size).astype(np.int32)
        self.stores += positions.size

    def add(self, other: Coverage) -> None:
        """Count the stores to the same tensor that another one counted."""
        self._counts += other._counts
        self.stores += other.stores

    @property
    def unwritten(self) -> int:
        """How many elements were never stored to."""
        return int((self._view == 0).sum())

    @property
    def rewritten(self) -> int:
        """How many elements were stored to more than once."""
        return int((self._view > 1).sum())

    def problem(self) -> str:
        """One line on elements that were not written, or written more than once. An empty string if all is well."""
        size = self._view.size
        elements = f"of {size} elements of {self.name}"
        if self.unwritten:
            return f"{self.unwritten} {elements} are never written; the first is at {self._first(0)}"
        if self.rewritten:
            return f"{self.rewritten} {elements} are written more than once; the first is at {self._first(2)}"
        return ""

    def _first(self, times: int) -> list[int]:
        """The index of the first element that was written at least so many times, or never (0)."""
        matches = self._view == 0 if times == 0 else self._view >= times
        return [int(i) for i in np.unravel_index(int(np.argmax(matches)), self.shape)]


@dataclass
class Moved:
    """One argument: the bytes loaded, the bytes stored, its own size in bytes, and the bytes of an element."""

    loaded: int = 0
    stored: int = 0
    size: int = 0
    itemsize: int = 0
    coverage: Coverage | None = None

    @property
    def reads(self) -> float:
        """How many times the whole argument is read."""
        return self.loaded / self.size if self.size else 0.0


@dataclass
class Traffic:
    """What all launches of one call moved, by argument name. Several kernels' arguments of one name count together.

    `flops` counts tl.dot, `fp32_flops` only its products of fp32 tiles. `operations` counts elements by kind:
    exp2, maximum, add, multiply and so on.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    moved: dict[str, Moved] = field(default_factory=dict)
    flops: int = 0
    fp32_flops: int = 0
    programs: int = 0
    operations: Counter[str] = field(default_factory=Counter)

    @property
    def loaded(self) -> int:
        """Bytes loaded from all arguments."""
        return sum(m.loaded for m in self.moved.values())

    @property
    def stored(self) -> int:
        """Bytes stored to all arguments."""
        return sum(m.stored for m in self.moved.values())

    @property
    def widens(self) -> bool:
        """Are fp32 tiles multiplied, though all that is loaded is narrower?"""
        return self.fp32_flops > 0 and all(m.itemsize < 4 for m in self.moved.values() if m.loaded)

    def figures(self) -> dict[str, tuple[int, int]]:
        """The bytes loaded and stored of every argument that was loaded or stored at all."""
        return {name: (m.loaded, m.stored) for name, m in self.moved.items() if m.loaded or m.stored}

    def add_argument(self, argument: Argument) -> None:
        """Note an argument and its size."""
        moved = self.moved.setdefault(argument.name, Moved())
        moved.size, moved.itemsize = argument.numel * argument.itemsize, argument.itemsize

    def store(self, argument: Argument, coverage: Coverage) -> None:
        """Count the stores of a launch to an argument."""
        moved = self.moved[argument.name]
        moved.stored += coverage.stores * argument.itemsize
        if moved.coverage is None or moved.coverage.tensor is not argument.tensor:
            moved.coverage = coverage
        else:
            moved.coverage.add(coverage)
