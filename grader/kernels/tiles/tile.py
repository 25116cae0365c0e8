"""A tile: a block of values, for all programs of a grid at once."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from grader.kernels.tiles.dtypes import DType

Array = np.ndarray[Any, Any]
PROGRAM_AXES = 3  # a grid has three axes
LARGEST = 1 << 20  # elements of a tile: Triton's own limit
MOST_AXES = 32  # numpy has 64, and some operations add axes of their own
SMALL = 1 << 16  # bytes of an array that need not be counted


class Held:
    """The bytes of all large arrays that tiles hold, each counted once and for as long as it lives."""

    def __init__(self) -> None:
        self.bytes = 0
        self._arrays: dict[int, weakref.ref[Array]] = {}

    def add(self, array: Array) -> None:
        """Count the memory that an array is, or is a view of."""
        while isinstance(array.base, np.ndarray):
            array = array.base
        key, size = id(array), array.nbytes
        if size > SMALL and key not in self._arrays:
            self.bytes += size

            def forget(_: object) -> None:
                del self._arrays[key]
                self.bytes -= size

            self._arrays[key] = weakref.ref(array, forget)


HELD = Held()


class Tile:
    """A block of values of one type.

    `data` has three program axes in front, (a, b, c, *shape). Each is 1 where all programs of the grid have the same
    values along it. `defined` is a mask of the same rank, each axis 1 or as long as in `data`; None where all values
    are defined. `origin` is the line of the load that left values undefined.
    """

    __slots__ = ("data", "defined", "dtype", "origin")

    def __init__(self, data: Array, dtype: DType, defined: Array | None = None, origin: int = 0) -> None:
        self.data, self.dtype, self.defined, self.origin = data, dtype, defined, origin
        if data.nbytes > SMALL:
            HELD.add(data)
        if defined is not None and defined.nbytes > SMALL:
            HELD.add(defined)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the block; () for a scalar."""
        shape: tuple[int, ...] = self.data.shape[PROGRAM_AXES:]
        return shape

    @property
    def type(self) -> str:
        """The type in words: fp32[64, 32], or i32 for a scalar."""
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]" if self.shape else str(self.dtype)

    def __repr__(self) -> str:
        return self.type  # messages show values

    def moved(self, move: Callable[[Array], Array]) -> Tile:
        """The tile with its elements moved, by a function of arrays with the program axes in front."""
        defined = None if self.defined is None else move(np.broadcast_to(self.defined, self.data.shape))
        return Tile(move(self.data), self.dtype, defined, self.origin)

    def with_data(self, data: Array, dtype: DType) -> Tile:
        """Other values, with the same ones undefined."""
        return Tile(data, dtype, self.defined, self.origin)


def scalar(value: Any, dtype: DType) -> Tile:
    """A scalar that is the same in all programs. `value` is rounded or wrapped by the caller."""
    return Tile(np.full((1, 1, 1), value, dtype=dtype.storage), dtype)


def as_rank(x: Array, rank: int) -> Array:
    """An array with program axes in front and `rank` block axes: new ones of length 1 come first."""
    missing = rank + PROGRAM_AXES - x.ndim
    return x if missing <= 0 else x.reshape(x.shape[:PROGRAM_AXES] + (1,) * missing + x.shape[PROGRAM_AXES:])


def all_defined(x: Tile, axis: int, *, keep: bool = False) -> Array | None:
    """Where all elements along an axis (of the array) are defined. None: everywhere."""
    if x.defined is None:
        return None
    return np.asarray(np.broadcast_to(x.defined, x.data.shape).all(axis=axis, keepdims=keep))


def both(a: Array | None, b: Array | None) -> Array | None:
    """Where two masks of one rank hold. None holds everywhere."""
    if a is None:
        return b
    return a if b is None else a & b


def defined_in(*tiles: Tile, rank: int) -> tuple[Array | None, int]:
    """Where all tiles are defined, with `rank` block axes, and the line of a load that left values undefined."""
    defined: Array | None = None
    origin = 0
    for tile in tiles:
        if tile.defined is not None:
            defined = both(defined, as_rank(tile.defined, rank))
            origin = origin or tile.origin
    return defined, origin
