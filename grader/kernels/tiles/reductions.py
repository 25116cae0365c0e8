"""Reductions along an axis of a tile: sums, extremes and their positions, and any function of two elements.

A sum in fp32 or of integers is numpy's. Sums in 16-bit floats, and functions of the learner's own, go pair by pair and
round after each step, as the threads of a GPU do. An element that is undefined makes the whole sum undefined.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from grader.kernels.tiles import arithmetic
from grader.kernels.tiles.casts import cast
from grader.kernels.tiles.dtypes import FP32, FP64, I1, I32, U32, DType
from grader.kernels.tiles.findings import Refused
from grader.kernels.tiles.rounding import Array
from grader.kernels.tiles.shapes import axis_of
from grader.kernels.tiles.tile import PROGRAM_AXES, Tile, all_defined

Combine = Callable[[Sequence[Tile], Sequence[Tile]], Sequence[Tile]]  # two groups of scalars, lower positions first


def sum_type(dtype: DType, asked: Any = None) -> DType:
    """The type of a sum: narrow integers are summed in 32 bits, all else in its own type."""
    if asked is not None:
        if not isinstance(asked, DType):
            raise Refused("the dtype of a sum must be a type, such as tl.float32")
        return asked
    if dtype.is_int and dtype.bits < 32:
        return I32 if dtype.signed else U32
    return dtype


def total(x: Tile, axis: Any = None, keep_dims: bool = False, dtype: Any = None) -> Tile:
    """tl.sum."""
    wide = cast(_tile(x, "tl.sum"), sum_type(x.dtype, dtype))
    if wide.dtype.is_fp8 or wide.dtype is I1:
        return reduced((wide,), axis, _pairwise(arithmetic.add), keep_dims, "tl.sum")[0]
    if wide.dtype in (FP32, FP64) or wide.dtype.is_int:
        return _by_numpy(wide, axis, keep_dims, np.add, "tl.sum")
    return reduced((wide,), axis, _pairwise(arithmetic.add), keep_dims, "tl.sum")[0]


def _extreme(x: Tile, name: str) -> Tile:
    """A tile in the type in which Triton compares: narrow types become 32 bits wide."""
    if x.dtype.bits >= 32:
        return x
    return cast(x, FP32 if x.dtype.is_float else I32)


def largest(
    x: Tile,
    axis: Any = None,
    return_indices: bool = False,
    return_indices_tie_break_left: bool = True,
    keep_dims: bool = False,
) -> Any:
    """tl.max, and with return_indices the positions too."""
    tile = _tile(x, "tl.max")
    if return_indices:
        return _with_indices(tile, axis, keep_dims, np.greater, "tl.max")
    return _by_numpy(_extreme(tile, "tl.max"), axis, keep_dims, np.fmax, "tl.max")


def smallest(
    x: Tile,
    axis: Any = None,
    return_indices: bool = False,
    return_indices_tie_break_left: bool = True,
    keep_dims: bool = False,
) -> Any:
    """tl.min, and with return_indices the positions too."""
    tile = _tile(x, "tl.min")
    if return_indices:
        return _with_indices(tile, axis, keep_dims, np.less, "tl.min")
    return _by_numpy(_extreme(tile, "tl.min"), axis, keep_dims, np.fmin, "tl.min")


def argmax(x: Tile, axis: Any, tie_break_left: bool = True, keep_dims: bool = False) -> Tile:
    """tl.argmax: the position of the largest element, the first of equals."""
    position: Tile = _with_indices(_tile(x, "tl.argmax"), axis, keep_dims, np.greater, "tl.argmax")[1]
    return position


def argmin(x: Tile, axis: Any, tie_break_left: bool = True, keep_dims: bool = False) -> Tile:
    """tl.argmin: the position of the smallest element, the first of equals."""
    position: Tile = _with_indices(_tile(x, "tl.argmin"), axis, keep_dims, np.less, "tl.argmin")[1]
    return position


def xor_sum(x: Tile, axis: Any = None, keep_dims: bool = False) -> Tile:
    """tl.xor_sum of integers."""
    return _by_numpy(_integers(x, "tl.xor_sum"), axis, keep_dims, np.bitwise_xor, "tl.xor_sum")


def reduce_or(x: Tile, axis: Any, keep_dims: bool = False) -> Tile:
    """tl.reduce_or of integers."""
    return _by_numpy(_integers(x, "tl.reduce_or"), axis, keep_dims, np.bitwise_or, "tl.reduce_or")


def _tile(x: Any, name: str) -> Tile:
    if not isinstance(x, Tile) or x.dtype.is_pointer:
        raise Refused(f"{name} takes a tile of numbers")
    return x


def _integers(x: Any, name: str) -> Tile:
    tile = _tile(x, name)
    if not tile.dtype.is_int:
        raise Refused(f"{name} takes whole numbers, not {tile.dtype}")
    return tile


def _flat(x: Tile, axis: Any, name: str) -> tuple[Tile, int]:
    """The tile and the axis to reduce; all elements in one axis where none is given."""
    if not x.shape:
        raise Refused(f"{name} reduces a tile, but this is a scalar")
    if axis is None:
        n = math.prod(x.shape)
        return x.moved(lambda data: data.reshape((*data.shape[:PROGRAM_AXES], n))), 0
    return x, axis_of(x, axis, name)


def _finished(data: Array, defined: Array | None, x: Tile, dtype: DType, rank: int, axis: Any, keep_dims: bool) -> Tile:
    """A result with the reduced axis put back as length 1, if asked. `rank` is the number of axes before."""

    def back(array: Array) -> Array:
        if axis is None:
            return array.reshape(array.shape + (1,) * rank)
        return np.expand_dims(array, axis % rank + PROGRAM_AXES)

    if keep_dims:
        data, defined = back(data), defined if defined is None else back(defined)
    return Tile(data, dtype, defined, x.origin)


def _by_numpy(x: Tile, axis: Any, keep_dims: bool, ufunc: np.ufunc, name: str) -> Tile:
    tile, at = _flat(x, axis, name)
    at += PROGRAM_AXES
    data = ufunc.reduce(tile.data, axis=at, dtype=tile.dtype.storage)
    if tile.dtype.is_float and ufunc in (np.fmax, np.fmin) and (data == 0).any():
        negative = np.signbit(tile.data) & (tile.data == 0)
        zeros = negative.any(axis=at) if ufunc is np.fmin else (negative | (tile.data != 0)).all(axis=at)
        data = np.where(data == 0, np.where(zeros, -0.0, 0.0), data).astype(tile.dtype.storage)  # −0 is less than +0
    return _finished(data, all_defined(tile, at), tile, tile.dtype, len(x.shape), axis, keep_dims)


def _with_indices(x: Tile, axis: Any, keep_dims: bool, better: np.ufunc, name: str) -> tuple[Tile, Tile]:
    """The extreme and its position along an axis. Among equals the first one wins; a NaN loses to what follows it."""
    if axis is None:
        raise Refused(f"{name} needs an axis for the positions")
    at = axis_of(x, axis, name) + PROGRAM_AXES
    values = np.moveaxis(x.data, at, -1)
    index = np.broadcast_to(np.arange(values.shape[-1], dtype=np.int32), values.shape)
    while values.shape[-1] > 1:
        (a, b), (i, j) = (values[..., ::2], values[..., 1::2]), (index[..., ::2], index[..., 1::2])
        first = better(a, b) | ((a == b) & (i < j))
        values, index = np.where(first, a, b), np.where(first, i, j)
    defined = all_defined(x, at)
    rank = len(x.shape)
    return (
        _finished(values[..., 0], defined, x, x.dtype, rank, axis, keep_dims),
        _finished(index[..., 0], defined, x, I32, rank, axis, keep_dims),
    )


def _pairwise(function: Callable[[Any, Any], Tile]) -> Combine:
    return lambda a, b: [function(a[0], b[0])]


def reduced(tiles: Sequence[Tile], axis: Any, combine: Combine, keep_dims: bool, name: str) -> list[Tile]:
    """The tiles reduced along an axis by a function of two groups of elements. Neighbors are combined first."""
    shape = tiles[0].shape
    if any(t.shape != shape for t in tiles):
        raise Refused(f"{name} takes tiles of the same shape, not {', '.join(t.type for t in tiles)}")
    flat = [_flat(t, axis, name) for t in tiles]
    at = flat[0][1] + PROGRAM_AXES
    parts = [t.moved(lambda data: np.moveaxis(data, at, -1)) for t, _ in flat]
    if parts[0].shape[-1] == 1:
        checked(combine(parts, parts), parts, name)  # the function is compiled, even if nothing calls it
    while parts[0].shape[-1] > 1:
        even = [t.moved(lambda data: data[..., ::2]) for t in parts]
        odd = [t.moved(lambda data: data[..., 1::2]) for t in parts]
        parts = checked(combine(even, odd), parts, name)
    last = [t.moved(lambda data: data[..., 0]) for t in parts]
    return [_finished(t.data, t.defined, t, t.dtype, len(shape), axis, keep_dims) for t in last]


def checked(results: Sequence[Tile], inputs: Sequence[Tile], name: str) -> list[Tile]:
    """The results of a combining function. Raises Refused if they are not of the types that went in."""
    if len(results) != len(inputs) or any(r.dtype != t.dtype for r, t in zip(results, inputs, strict=False)):
        got, want = (", ".join(str(t.dtype) for t in ts) for ts in (results, inputs))
        raise Refused(f"the function of {name} must return the types that it gets, {want}, not {got}")
    return list(results)
