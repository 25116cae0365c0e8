"""Changes the type of a tile: casts by value, and casts by bits."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from grader.kernels.tiles.dtypes import BF16, FP16, I1, DType, type_of_number
from grader.kernels.tiles.findings import PointerCast, Refused
from grader.kernels.tiles.rounding import Array, from_bits, rounded, to_bits, toward_zero
from grader.kernels.tiles.tile import Tile, scalar

Rounding = Literal["rtne", "rtz"]
UNSIGNED = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}


def number(value: bool | int | float, dtype: DType) -> Any:
    """A literal as one element of a type. Raises Refused if it does not fit."""
    return _number(value, type(value).__name__, math.copysign(1, value), dtype)


@lru_cache(maxsize=4096)
def _number(value: bool | int | float, kind: str, sign: float, dtype: DType) -> Any:
    """`kind` and `sign` tell numbers apart that are equal: 1 and 1.0, 0.0 and -0.0."""
    if dtype.is_float:
        with np.errstate(over="ignore"):
            wide = np.asarray(float(value), dtype=np.float64)
            if dtype.is_fp8 and rounded(wide, dtype) != wide:  # Triton makes no code for it that LLVM accepts
                raise Refused(f"{dtype} has no number {value}: make a tile of tl.float32 and cast it")
        return dtype.storage(rounded(wide, dtype)[()])
    if dtype.kind == "bool":
        return np.bool_(value)
    if isinstance(value, float):
        raise Refused(f"{value} is not a whole number, which {dtype} needs")
    if value < 0 and not dtype.signed:
        raise Refused(f"{dtype} has no negative numbers such as {value}: cast the tile first, x.to(tl.int64)")
    if not dtype.lowest <= value <= dtype.highest:
        raise Refused(f"the number {value} is out of range for {dtype}")
    return dtype.storage(value)


def to_tile(x: object) -> Tile:
    """A tile as it is, or a literal as a scalar of its own type. Raises Refused for what is neither."""
    if isinstance(x, Tile):
        return x
    dtype = type_of_number(x)
    assert isinstance(x, (bool, int, float))
    return scalar(number(x, dtype), dtype)


def cast(x: Tile, dtype: DType, rounding: Rounding | None = None) -> Tile:
    """The values in another type. Raises Refused, and PointerCast if one of the types is an address."""
    if x.dtype == dtype:
        return x
    if x.dtype.is_pointer or dtype.is_pointer:
        raise PointerCast
    if not _has_cast(x.dtype, dtype):
        raise Refused(f"Triton has no cast from {x.dtype} to {dtype}: cast to tl.float32 first")
    narrows = x.dtype.is_float and dtype.is_float and dtype.bits < x.dtype.bits
    if rounding is not None and not narrows:
        raise Refused(f"fp_downcast_rounding is for a cast to a narrower float, not from {x.dtype} to {dtype}")
    with np.errstate(all="ignore"):
        if rounding == "rtz":
            return x.with_data(toward_zero(x.data, dtype), dtype)
        return x.with_data(_converted(x.data, x.dtype, dtype), dtype)


def _has_cast(source: DType, target: DType) -> bool:
    """An 8-bit float is cast to floats of 16 and 32 bits and back, to nothing else."""
    other = target if source.is_fp8 else source
    return not (source.is_fp8 or target.is_fp8) or (other.is_float and other.bits in (16, 32))


def _converted(data: Array, source: DType, target: DType) -> Array:
    if target is I1:
        return np.asarray(data != 0)
    if source.is_float and target.is_float:
        widens = target.fraction >= source.fraction and target.bits > source.bits
        exact = widens and not (source is BF16 and target is FP16)
        return data.astype(target.storage, copy=False) if exact else rounded(data, target)
    if source.is_float:
        return _to_int(data, target)
    if target.is_float:
        wide = data.astype(np.float64)
        if source.bits == 64 and target.bits == 32:
            return data.astype(np.float32)
        return rounded(wide, target)
    return data.astype(target.storage)  # wraps


def _to_int(data: Array, target: DType) -> Array:
    """Floats cut to whole numbers. As on a GPU, what is too large becomes the largest number, and NaN becomes 0.

    PTX has no cast to 8 bits: the lowest bits of a cast to 16 are taken.
    """
    bits = max(16, target.bits)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if target.signed else (0, 2**bits)
    whole = np.trunc(data.astype(np.float64))
    wide = np.int64 if target.signed else np.uint64
    inside = np.where((whole >= low) & (whole < high), whole, 0).astype(wide)
    result = np.where(whole >= high, wide(high - 1), np.where(whole < low, wide(low), inside))
    return result.astype(target.storage)


def bitcast(x: Tile, dtype: DType) -> Tile:
    """The bits of the values, read as another type of the same width. Raises Refused and PointerCast."""
    if x.dtype == dtype:
        return x
    if x.dtype.is_pointer or dtype.is_pointer:
        raise PointerCast
    if x.dtype.bits != dtype.bits:
        raise Refused(f"{x.dtype} has {x.dtype.bits} bits and {dtype} has {dtype.bits}: bitcast needs equal widths")
    unsigned = UNSIGNED[dtype.bits]
    bits = to_bits(x.data, x.dtype) if x.dtype.is_float else np.ascontiguousarray(x.data).view(unsigned)
    bits = bits.reshape(x.data.shape)
    data = from_bits(bits, dtype) if dtype.is_float else bits.view(dtype.storage)
    return x.with_data(data.reshape(x.data.shape), dtype)
