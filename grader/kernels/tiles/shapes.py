"""Makes tiles, and moves their elements without computing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grader.kernels.tiles.arithmetic import Value, block_shape, is_number, stretched
from grader.kernels.tiles.casts import bitcast, cast, number, to_tile
from grader.kernels.tiles.dtypes import I32, DType
from grader.kernels.tiles.findings import PointerCast, Refused
from grader.kernels.tiles.tile import LARGEST, MOST_AXES, PROGRAM_AXES, Tile


def checked_shape(shape: Any, name: str = "a tile") -> tuple[int, ...]:
    """A shape of constants that are powers of two. Raises Refused."""
    axes = shape if isinstance(shape, tuple) else (shape,)
    for n in axes:
        if isinstance(n, Tile):
            raise Refused(
                f"the shape of {name} must be known at compile time: use a tl.constexpr parameter, not a "
                "variable or an argument"
            )
        if type(n) is not int or n <= 0 or n & (n - 1):
            raise Refused(f"the shape of {name} is {_listed(axes)}: each axis must be a power of two")
    if len(axes) > MOST_AXES:
        raise Refused(f"{name} has {len(axes)} axes, but a tile may have at most {MOST_AXES}")
    if math.prod(axes) > LARGEST:
        raise Refused(f"{name} of the shape {_listed(axes)} has more than {LARGEST:,} elements, which Triton refuses")
    return tuple(axes)


def _listed(axes: tuple[Any, ...]) -> str:
    return f"({', '.join(map(str, axes))}{',' if len(axes) == 1 else ''})"


def _shape_of(args: tuple[Any, ...]) -> tuple[int, ...]:
    return checked_shape(args[0] if len(args) == 1 and isinstance(args[0], tuple) else args)


_PROGRAMS = (slice(None),) * PROGRAM_AXES


def arange(start: Value, end: Value) -> Tile:
    """The whole numbers from `start` up to `end`, as i32."""
    for n in (start, end):
        if type(n) is not int:
            raise Refused(
                "tl.arange takes numbers that are known at compile time: use a tl.constexpr parameter, not "
                "a variable or an argument"
            )
    if not -(2**31) <= start < end < 2**31:
        raise Refused(f"tl.arange({start}, {end}) must count up, within 32 bits")
    n = end - start
    if n & (n - 1):
        raise Refused(f"tl.arange({start}, {end}) has {n} elements: it must be a power of two")
    checked_shape((n,), "tl.arange")
    return Tile(np.arange(start, end, dtype=np.int32)[None, None, None], I32)


def full(shape: Any, value: Value, dtype: Any) -> Tile:
    """A tile in which every element is `value`."""
    axes = checked_shape(shape)
    if not isinstance(dtype, DType):
        raise Refused("tl.full and tl.zeros need a dtype, such as tl.float32")
    if isinstance(value, Tile):
        if math.prod(value.shape) != 1:
            raise Refused(f"tl.full takes one number, not {value.type}")
        if value.shape:
            raise Refused(f"tl.full takes a scalar, not {value.type}")
        return stretched(cast(value, dtype), axes) if axes else cast(value, dtype)
    if not is_number(value):
        raise Refused("tl.full takes a number")
    if dtype.is_pointer:
        raise PointerCast
    if dtype.is_int and value == 0:
        value = 0
    if type(value) is int and dtype.kind == "int":
        value = _wrapped(value, dtype)
    data = np.broadcast_to(np.asarray(number(value, dtype)), (1, 1, 1, *axes))
    return Tile(data, dtype)


def _wrapped(value: int, dtype: DType) -> int:
    """The number that is left in the type's bits. Triton takes what fits 64 bits of the same sign."""
    low, high = (-(2**63), 2**63) if dtype.signed else (0, 2**64)
    if not low <= value < high:
        return value
    size = 1 << dtype.bits
    rest = value % size
    return rest - size if rest > dtype.highest else rest


def zeros(shape: Any, dtype: Any) -> Tile:
    """A tile of zeros."""
    return full(shape, 0, dtype)


def zeros_like(x: Tile) -> Tile:
    """A tile of zeros of the shape and type of another."""
    return full(x.shape, 0, x.dtype)


def expand_dims(x: Value, axis: Any) -> Tile:
    """The tile with new axes of length 1, at positions in the result."""
    tile = to_tile(x)
    axes = axis if isinstance(axis, tuple) else (axis,)
    rank = len(tile.shape) + len(axes)
    if not all(type(a) is int and -rank <= a < rank for a in axes):
        raise Refused(f"tl.expand_dims: axis {axis} is out of range for {rank} axes")
    wrapped = sorted(a % rank for a in axes)
    if len(set(wrapped)) != len(wrapped):
        raise Refused("tl.expand_dims: an axis appears twice")
    for a in wrapped:
        tile = _with_axis(tile, a)
    return tile


def _with_axis(x: Tile, axis: int) -> Tile:
    if len(x.shape) >= MOST_AXES:
        raise Refused(f"a tile has at most {MOST_AXES} axes")
    place = (*(slice(None),) * (axis + PROGRAM_AXES), None)
    return x.moved(lambda data: data[place])


def indexed(x: Tile, index: Any) -> Tile:
    """x[:, None]: `None` makes an axis of length 1, `:` keeps one. Raises Refused for all else."""
    parts = index if isinstance(index, tuple) else (index,)
    kept = sum(part is not None for part in parts)
    if len(x.shape) + len(parts) - kept > MOST_AXES:
        raise Refused(f"a tile has at most {MOST_AXES} axes")
    if x.defined is None and kept <= len(x.shape) and all(part is None or part == slice(None) for part in parts):
        return Tile(x.data[(*_PROGRAMS, *parts)], x.dtype)
    kept, tile = 0, x
    for axis, part in enumerate(parts):
        if part is None:
            tile = _with_axis(tile, axis)
        elif isinstance(part, slice) and part == slice(None):
            kept += 1
            if kept > len(x.shape):
                raise Refused(f"{x.type} has {len(x.shape)} axes, but the index names more")
        else:
            what = "a pointer is read with tl.load" if x.dtype.is_pointer else "use only : and None"
            raise Refused(f"a tile cannot be indexed with numbers or slices: {what}")
    return tile


def reshape(x: Value, *shape: Any, can_reorder: bool = False) -> Tile:
    """The elements in another shape, in the same order."""
    tile, axes = to_tile(x), _shape_of(shape)
    if not tile.shape:
        raise Refused("tl.reshape takes a tile, not a scalar: tl.full makes a tile from a number")
    if math.prod(axes) != math.prod(tile.shape):
        raise Refused(f"{tile.type} has {math.prod(tile.shape)} elements and does not fit into the shape {list(axes)}")
    return tile.moved(lambda data: data.reshape(data.shape[:PROGRAM_AXES] + axes))


def ravel(x: Tile, can_reorder: bool = False) -> Tile:
    """The elements in one axis."""
    return reshape(x, (math.prod(x.shape),))


def broadcast_to(x: Value, *shape: Any) -> Tile:
    """The tile in a larger shape of the same rank, or a scalar in any shape."""
    tile, axes = to_tile(x), _shape_of(shape)
    if tile.shape and len(tile.shape) != len(axes):
        raise Refused(f"{tile.type} cannot become {list(axes)}: the number of axes differs")
    if any(n not in (1, m) for n, m in zip(tile.shape, axes, strict=False)):
        raise Refused(f"{tile.type} cannot become {list(axes)}: only axes of length 1 can be broadcast")
    return stretched(tile, axes)


def broadcast(x: Value, y: Value) -> tuple[Tile, Tile]:
    """Two tiles in the shape that they have together."""
    a, b = to_tile(x), to_tile(y)
    shape = block_shape(a, b)
    return stretched(a, shape), stretched(b, shape)


def permute(x: Tile, *dims: Any) -> Tile:
    """The tile with its axes in another order."""
    order = dims[0] if len(dims) == 1 and isinstance(dims[0], tuple) else dims
    if sorted(d for d in order if type(d) is int) != list(range(len(x.shape))) or len(order) != len(x.shape):
        raise Refused(f"tl.permute: {list(order)} is not an order of the {len(x.shape)} axes of {x.type}")
    axes = (0, 1, 2, *(d + PROGRAM_AXES for d in order))
    return x.moved(lambda data: data.transpose(axes))


def trans(x: Tile, *dims: Any) -> Tile:
    """The tile with its last two axes exchanged, or in the order given."""
    rank = len(x.shape)
    if dims and dims != ((),):
        return permute(x, *dims)
    if rank < 2:
        raise Refused(f"tl.trans needs two axes, and {x.type} has {rank}")
    return permute(x, (*range(rank - 2), rank - 1, rank - 2))


def join(x: Value, y: Value) -> Tile:
    """Two tiles side by side, along a new last axis."""
    a, b = broadcast(x, y)
    if a.dtype != b.dtype:
        if a.dtype.is_pointer or b.dtype.is_pointer:
            raise PointerCast
        if a.dtype.kind == b.dtype.kind == "int" and a.dtype.bits == b.dtype.bits:
            return join(a, bitcast(b, a.dtype))  # the compiler tells no signs apart here, and takes the first
        raise Refused(f"tl.join takes tiles of one type, not {a.dtype} and {b.dtype}")
    checked_shape((*a.shape, 2), "tl.join")
    programs = np.broadcast_shapes(a.data.shape[:PROGRAM_AXES], b.data.shape[:PROGRAM_AXES])
    shape = programs + a.shape
    data = np.stack([np.broadcast_to(t.data, shape) for t in (a, b)], axis=-1)
    tile = Tile(data, a.dtype)
    if a.defined is not None or b.defined is not None:
        masks = [np.True_ if t.defined is None else t.defined for t in (a, b)]
        tile.defined = np.stack([np.broadcast_to(m, shape) for m in masks], axis=-1)
        tile.origin = a.origin or b.origin
    return tile


def split(x: Tile) -> tuple[Tile, Tile]:
    """The two halves of a last axis of length 2."""
    if not x.shape or x.shape[-1] != 2:
        raise Refused(f"tl.split needs a last axis of length 2, but this is {x.type}")
    return x.moved(lambda data: data[..., 0]), x.moved(lambda data: data[..., 1])


def interleave(x: Value, y: Value) -> Tile:
    """Two tiles, element by element in turn, along the last axis."""
    joined = join(x, y)
    if len(joined.shape) == 1:
        return joined
    return reshape(joined, (*joined.shape[:-2], 2 * joined.shape[-2]))


def cat(x: Tile, y: Tile, can_reorder: bool = False, dim: int = 0) -> Tile:
    """Two tiles of one shape, one after the other."""
    if x.shape != y.shape or not x.shape or (can_reorder and len(x.shape) != 1):
        raise Refused(f"tl.cat takes tiles of the same shape, not {x.type} and {y.type}")
    joined = join(x, y)
    rank = len(x.shape)
    if not -rank <= dim < rank:
        raise Refused(f"tl.cat: dim {dim} is out of range for {rank} axes")
    order = list(range(rank))
    order.insert(dim % rank, rank)
    shape = tuple(n * 2 if i == dim % rank else n for i, n in enumerate(x.shape))
    return reshape(permute(joined, tuple(order)), shape)


def flip(x: Tile, dim: int | None = None) -> Tile:
    """The tile with one axis in reverse order."""
    if x.dtype.is_pointer or not x.shape:
        raise Refused("tl.flip takes a tile of numbers")
    if x.shape == (1,):  # Triton's own tl.flip fails
        raise Refused("tl.flip needs more than one element")
    axis = axis_of(x, -1 if dim is None else dim, "tl.flip")
    return x.moved(lambda data: np.flip(data, axis + PROGRAM_AXES))


def item(x: Tile) -> Tile:
    """The one element of a tile, as a scalar."""
    if math.prod(x.shape) != 1:
        raise Refused(f"only a tile of one element becomes a scalar, not {x.type}")
    return x.moved(lambda data: data.reshape(data.shape[:PROGRAM_AXES]))


def axis_of(x: Tile, axis: Any, name: str) -> int:
    """An axis counted from the front. Raises Refused if the tile does not have it."""
    rank = len(x.shape)
    if type(axis) is not int or not -rank <= axis < rank:
        raise Refused(f"{name}: axis {axis} is not one of the {rank} of {x.type}")
    return axis % rank
