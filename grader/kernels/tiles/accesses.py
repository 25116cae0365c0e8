"""The list of a launch's accesses to memory, from which pictures are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grader.kernels.tiles.tile import Array

AccessKind = Literal["load", "store", "atomic"]


@dataclass(frozen=True)
class Access:
    """One load, store or atomic operation, for all programs that run it together.

    `step` counts the memory operations of the launch; it is the same for all programs. `shape`, `strides` and
    `itemsize` describe the argument's tensor. `first` is the first program, and `programs` says how many there are
    along each axis of the grid. `positions` are element offsets from the tensor's element 0, (a, b, c, *block), where
    a, b and c are 1 or as in `programs`. `active` marks the lanes that access memory; None: all of them.
    """

    launch: int
    kernel: str
    grid: tuple[int, int, int]
    step: int
    line: int
    kind: AccessKind
    argument: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    itemsize: int
    first: tuple[int, int, int]
    programs: tuple[int, int, int]
    positions: Array
    active: Array | None
