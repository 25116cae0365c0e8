"""Functions of triton.language that compute element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from grader.kernels.tiles import arithmetic
from grader.kernels.tiles.arithmetic import Value, common, operands, result
from grader.kernels.tiles.casts import to_tile
from grader.kernels.tiles.dtypes import FP32, FP64, DType
from grader.kernels.tiles.findings import Refused
from grader.kernels.tiles.rounding import Array, fused, larger, smaller
from grader.kernels.tiles.tile import Tile

_erf = np.frompyfunc(math.erf, 1, 1)
LOG2_E = np.float32(math.log2(math.e))


def _rsqrt(x: Array) -> Array:
    return np.divide(1, np.sqrt(x), dtype=x.dtype)


def _wide_float(function: Callable[[Array], Array], name: str) -> Callable[[Value], Tile]:
    """A function that Triton has for fp32 and fp64 only."""

    def apply(x: Value) -> Tile:
        tile = to_tile(x)
        if tile.dtype not in (FP32, FP64):
            raise Refused(f"tl.{name} takes fp32 and fp64, not {tile.dtype}: cast first, x.to(tl.float32)")
        return tile.with_data(np.asarray(function(tile.data)).astype(tile.dtype.storage, copy=False), tile.dtype)

    return apply


exp = _wide_float(np.exp, "exp")
exp2 = _wide_float(np.exp2, "exp2")
log = _wide_float(np.log, "log")
log2 = _wide_float(np.log2, "log2")
sqrt = _wide_float(np.sqrt, "sqrt")
rsqrt = _wide_float(_rsqrt, "rsqrt")
sin = _wide_float(np.sin, "sin")
cos = _wide_float(np.cos, "cos")
floor = _wide_float(np.floor, "floor")
ceil = _wide_float(np.ceil, "ceil")
erf = _wide_float(lambda x: np.asarray(_erf(x)), "erf")


def _only_fp32(name: str, *dtypes: DType) -> None:
    if any(dtype is not FP32 for dtype in dtypes):
        raise Refused(f"tl.{name} takes fp32 only, not {', '.join(map(str, dtypes))}: cast first, x.to(tl.float32)")


def sqrt_rn(x: Value) -> Tile:
    """The square root, rounded to nearest."""
    tile = to_tile(x)
    _only_fp32("sqrt_rn", tile.dtype)
    return tile.with_data(np.sqrt(tile.data), FP32)


def div_rn(x: Value, y: Value) -> Tile:
    """The quotient, rounded to nearest."""
    _only_fp32("div_rn", *(v.dtype for v in (x, y) if isinstance(v, Tile)))
    a, b, dtype = operands(x, y)
    _only_fp32("div_rn", dtype)
    return result(np.asarray(np.divide(a, b)), dtype, x, y)


def fdiv(x: Value, y: Value, ieee_rounding: bool = False, approx: bool = False) -> Tile:
    """The quotient of floats."""
    a, b, dtype = operands(x, y, divides=True)
    if not dtype.is_float:
        raise Refused(f"tl.fdiv takes floats, not {dtype}: write x / y")
    if approx and (ieee_rounding or dtype is not FP32):
        raise Refused("tl.fdiv: approx is for fp32, without ieee_rounding")
    return result(np.divide(a, b, dtype=dtype.storage), dtype, x, y)


def absolute(x: Value) -> Tile:
    """|x|."""
    tile = to_tile(x)
    if tile.dtype.is_pointer:
        raise Refused("tl.abs does not take a pointer")
    return tile.with_data(np.abs(tile.data), tile.dtype) if tile.dtype.kind != "bool" else tile


def fma(x: Value, y: Value, z: Value) -> Tile:
    """x · y + z, rounded once."""
    (a, b, c), dtype = common(x, y, z)
    if not dtype.is_float or dtype.is_fp8:
        raise Refused(f"tl.fma takes floats of 16 bits and more, not {dtype}: write x * y + z")
    return result(fused(a, b, c, dtype), dtype, x, y, z)


def clamp(x: Value, low: Value, high: Value) -> Tile:
    """x within [low, high]."""
    (a, b, c), dtype = common(x, low, high)
    return result(smaller(larger(a, b), c), dtype, x, low, high)


def sigmoid(x: Value) -> Tile:
    """1 / (1 + exp(-x))."""
    return arithmetic.divide(1, arithmetic.add(1, exp(arithmetic.negative(x))))


def cdiv(x: Value, y: Value) -> Any:
    """x / y of positive integers, rounded up."""
    return arithmetic.binary("//", arithmetic.binary("+", x, arithmetic.binary("-", y, 1)), y)


def umulhi(x: Value, y: Value) -> Tile:
    """The upper half of the bits of a product of integers."""
    a, b, dtype = operands(x, y)
    for own in (*(v.dtype for v in (x, y) if isinstance(v, Tile)), dtype):
        if not own.is_int or own.bits < 32:
            raise Refused(f"tl.umulhi takes integers of 32 or 64 bits, not {own}")
    return result(upper_half(np.asarray(a), np.asarray(b), dtype), dtype, x, y)


def upper_half(a: Array, b: Array, dtype: DType) -> Array:
    """The upper half of the unsigned product of two arrays of 32- or 64-bit integers."""
    if dtype.bits == 32:
        wide = (a.astype(np.uint32).astype(np.uint64) * b.astype(np.uint32)) >> np.uint64(32)
        return wide.astype(np.uint32).astype(dtype.storage)
    x, y = a.astype(np.uint64), b.astype(np.uint64)
    low, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    x0, x1, y0, y1 = x & low, x >> shift, y & low, y >> shift
    middle = x1 * y0 + ((x0 * y0) >> shift)
    other = x0 * y1 + (middle & low)
    return np.asarray((x1 * y1 + (middle >> shift) + (other >> shift)).astype(dtype.storage))
