"""Running sums and other scans, sorting, counting and picking along an axis of a tile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from grader.kernels.tiles import arithmetic
from grader.kernels.tiles.casts import cast, to_tile
from grader.kernels.tiles.dtypes import FP32, I1, I32
from grader.kernels.tiles.findings import Refused
from grader.kernels.tiles.reductions import Combine, checked, largest, smallest, sum_type
from grader.kernels.tiles.rounding import Array
from grader.kernels.tiles.shapes import axis_of, checked_shape
from grader.kernels.tiles.tile import PROGRAM_AXES, Tile, all_defined, as_rank, both, defined_in


def scanned(tiles: Sequence[Tile], axis: Any, combine: Combine, reverse: bool, name: str) -> list[Tile]:
    """Each element combined with all before it along an axis, or with all after it."""
    shape = tiles[0].shape
    if any(t.shape != shape for t in tiles):
        raise Refused(f"{name} takes tiles of the same shape, not {', '.join(t.type for t in tiles)}")
    at = axis_of(tiles[0], axis, name) + PROGRAM_AXES

    def last(data: Array) -> Array:
        moved = np.moveaxis(data, at, -1)
        return moved[..., ::-1] if reverse else moved

    def back(data: Array) -> Array:
        return np.moveaxis(data[..., ::-1] if reverse else data, -1, at)

    parts = [t.moved(last) for t in tiles]
    step, n = 1, shape[at - PROGRAM_AXES]
    if n == 1:
        checked(combine(parts, parts), parts, name)  # the function is compiled, even if nothing calls it
    while step < n:  # after each round an element holds twice as many
        before = [t.moved(lambda data, s=step: data[..., :-s]) for t in parts]  # type: ignore[misc]
        here = [t.moved(lambda data, s=step: data[..., s:]) for t in parts]  # type: ignore[misc]
        later = checked(combine(before, here), parts, name)
        head = [t.moved(lambda data, s=step: data[..., :s]) for t in parts]  # type: ignore[misc]
        parts = [_after(a, b) for a, b in zip(head, later, strict=True)]
        step *= 2
    return [t.moved(back) for t in parts]


def _after(a: Tile, b: Tile) -> Tile:
    """Two tiles one after the other along the last axis."""
    programs = np.broadcast_shapes(a.data.shape[:PROGRAM_AXES], b.data.shape[:PROGRAM_AXES])

    def whole(x: Array, shape: tuple[int, ...]) -> Array:
        return np.broadcast_to(x, programs + shape)

    data = np.concatenate([whole(a.data, a.shape), whole(b.data, b.shape)], axis=-1)
    if a.defined is None and b.defined is None:
        return Tile(data, a.dtype)
    masks = [whole(np.asarray(True) if t.defined is None else t.defined, t.shape) for t in (a, b)]
    return Tile(data, a.dtype, np.concatenate(masks, axis=-1), a.origin or b.origin)


def cumsum(x: Tile, axis: Any = 0, reverse: bool = False, dtype: Any = None) -> Tile:
    """tl.cumsum: the sum of all elements up to each."""
    wide = cast(x, sum_type(x.dtype, dtype))
    return scanned((wide,), axis, lambda a, b: [arithmetic.add(a[0], b[0])], reverse, "tl.cumsum")[0]


def cumprod(x: Tile, axis: Any = 0, reverse: bool = False, dtype: Any = None) -> Tile:
    """tl.cumprod: the product of all elements up to each."""
    wide = cast(x, sum_type(x.dtype, dtype))
    return scanned((wide,), axis, lambda a, b: [arithmetic.multiply(a[0], b[0])], reverse, "tl.cumprod")[0]


def _sorted(x: Tile, count: int | None, dim: Any, descending: Any, name: str) -> Tile:
    if not x.shape or (dim is not None and dim != len(x.shape) - 1):
        raise Refused(f"{name} works along the last axis only")
    n = x.shape[-1]
    if count is not None and (type(count) is not int or count <= 0 or count & (count - 1) or count > n):
        raise Refused(f"{name}: k must be a power of two, at most {n}")
    if n == 1 or count == 1:
        extreme: Tile = (largest if descending else smallest)(x, len(x.shape) - 1, keep_dims=True)
        return extreme
    if count is not None and count < n and x.dtype.bits < 32:  # Triton drops elements with tl.max, which widens them
        x = cast(x, FP32 if x.dtype.is_float else I32)
    data = np.sort(x.data, axis=-1)
    data = data[..., ::-1] if descending else data
    tile = Tile(data[..., :count], x.dtype)
    tile.defined, tile.origin = all_defined(x, -1, keep=True), x.origin  # one undefined element may stand anywhere
    return tile


def sort(x: Tile, dim: Any = None, descending: Any = False) -> Tile:
    """tl.sort along the last axis."""
    return _sorted(x, None, dim, descending, "tl.sort")


def topk(x: Tile, k: Any, dim: Any = None, descending: Any = True) -> Tile:
    """tl.topk: the k largest elements along the last axis, in order."""
    if k is None:
        raise Refused("tl.topk needs the number of elements")
    return _sorted(x, k, dim, descending, "tl.topk")


def histogram(x: Tile, num_bins: Any, mask: Any = None) -> Tile:
    """tl.histogram: how often each whole number from 0 to num_bins - 1 is there."""
    if len(x.shape) != 1 or not x.dtype.is_int or x.dtype.bits != 32:
        raise Refused(f"tl.histogram takes a tile of 32-bit whole numbers with one axis, not {x.type}")
    (bins,) = checked_shape((num_bins,), "tl.histogram")
    values, inside = x.data, (x.data >= 0) & (x.data < bins)
    if mask is not None:
        chosen = to_tile(mask)
        if chosen.dtype is not I1:
            raise Refused(f"the mask of tl.histogram is a mask, not {chosen.type}")
        if chosen.shape and chosen.shape != x.shape:
            raise Refused(f"the mask of tl.histogram is {chosen.type}, and the tile {x.type}")
        inside = inside & as_rank(chosen.data, 1)
        values = np.broadcast_to(values, inside.shape)
    programs = values.shape[:-1]
    first = np.arange(math.prod(programs), dtype=np.int64).reshape(*programs, 1) * bins
    found = np.bincount((first + values)[inside], minlength=first.size * bins)
    tile = Tile(found.astype(np.int32).reshape(*programs, bins), I32)
    defined, origin = defined_in(x, rank=1)
    if (mask is not None and chosen.defined is not None) or defined is not None:
        needed = np.asarray(True) if defined is None else defined
        if mask is not None:
            needed = needed | ~as_rank(chosen.data, 1)
            needed = needed if chosen.defined is None else needed & as_rank(chosen.defined, 1)
            origin = origin or chosen.origin
        tile.defined = all_defined(Tile(values, x.dtype, np.broadcast_to(needed, values.shape)), -1, keep=True)
        tile.origin = origin
    return tile


def gather(x: Tile, index: Any, axis: Any) -> Tile:
    """tl.gather: the elements at positions along an axis."""
    if not isinstance(index, Tile) or not index.dtype.is_int or len(index.shape) != len(x.shape):
        raise Refused("tl.gather takes whole numbers with as many axes as the tile")
    at = axis_of(x, axis, "tl.gather")
    if any(n != m for d, (n, m) in enumerate(zip(x.shape, index.shape, strict=True)) if d != at):
        raise Refused(f"tl.gather of {x.type} at {index.type}: all axes but one must be equal")
    programs = np.broadcast_shapes(x.data.shape[:PROGRAM_AXES], index.data.shape[:PROGRAM_AXES])
    where = np.broadcast_to(index.data, programs + index.shape).astype(np.int64)
    inside = (where >= 0) & (where < x.shape[at])
    safe = np.where(inside, where, 0)

    def pick(data: Array) -> Array:
        return np.take_along_axis(np.broadcast_to(data, programs + x.shape), safe, at + PROGRAM_AXES)

    defined = None if x.defined is None else pick(np.broadcast_to(x.defined, x.data.shape))
    if not inside.all():
        defined = both(defined, inside)
    if index.defined is not None:
        defined = both(defined, np.broadcast_to(index.defined, where.shape))
    return Tile(pick(x.data), x.dtype, defined, x.origin or index.origin)
