"""What a trace holds: launches, their tensors, and which programs access which elements in each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["load", "store", "atomic"]


@dataclass(frozen=True, order=True)
class Rectangle:
    """Rows from `top` to before `bottom`, columns from `left` to before `right`, of a tensor drawn as a matrix."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def elements(self) -> int:
        return (self.bottom - self.top) * (self.right - self.left)

    def overlaps(self, other: Rectangle) -> bool:
        return max(self.top, other.top) < min(self.bottom, other.bottom) and max(self.left, other.left) < min(
            self.right, other.right
        )


@dataclass(frozen=True)
class Tile:
    """The elements that `programs` access in one step, all of them the same.

    `is_exact` is False where they are too scattered to draw: `rectangles` is then the one that holds them all.
    `lanes` is how many lanes of one program access memory.
    """

    rectangles: tuple[Rectangle, ...]
    programs: tuple[int, ...]
    lanes: int
    is_exact: bool = True


@dataclass(frozen=True)
class Step:
    """One load or store of a launch, by all programs that run it. `number` counts from 0 within its launch."""

    launch: int
    number: int
    line: int
    kind: Kind
    argument: str
    itemsize: int
    tiles: tuple[Tile, ...]

    @property
    def bytes(self) -> int:
        return self.itemsize * sum(tile.lanes * len(tile.programs) for tile in self.tiles)


@dataclass(frozen=True)
class Tensor:
    """An argument of a launch. It is drawn as a matrix of (rows, columns): the last axis runs across."""

    launch: int
    argument: str
    shape: tuple[int, ...]
    itemsize: int

    @property
    def rows(self) -> int:
        rows = 1
        for size in self.shape[:-1]:
            rows *= size
        return rows

    @property
    def columns(self) -> int:
        return self.shape[-1] if self.shape else 1

    @property
    def bytes(self) -> int:
        return self.rows * self.columns * self.itemsize


@dataclass(frozen=True)
class Launch:
    """One launch. Program (x, y, z) of the grid has the number x + grid[0] · (y + grid[1] · z)."""

    kernel: str
    grid: tuple[int, int, int]

    @property
    def programs(self) -> int:
        return self.grid[0] * self.grid[1] * self.grid[2]

    def place(self, program: int) -> tuple[int, int, int]:
        """The place in the grid of the program with this number."""
        width, height, _ = self.grid
        return program % width, program // width % height, program // (width * height)


@dataclass(frozen=True)
class Trace:
    """All launches of a call, their tensors in the order of first access, and their steps in the order of time."""

    launches: tuple[Launch, ...]
    tensors: tuple[Tensor, ...]
    steps: tuple[Step, ...]

    def of_launch(self, launch: int) -> list[tuple[int, Step]]:
        """The steps of a launch, each with its place among all steps."""
        return [(i, step) for i, step in enumerate(self.steps) if step.launch == launch]

    def tensor(self, launch: int, argument: str) -> Tensor:
        return next(t for t in self.tensors if (t.launch, t.argument) == (launch, argument))
