"""Rounds numpy floats to the types of the kernel language, and gives the bits of such a float.

Casts round to nearest, ties to even, as on a GPU. A cast to an 8-bit float saturates: what is too large becomes the
largest number (PTX `cvt.rn.satfinite`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from grader.kernels.tiles.dtypes import BF16, FP8E4NV, FP8E5, FP16, FP32, FP64, DType

Array = np.ndarray[Any, Any]


def rounded(x: Array, dtype: DType) -> Array:
    """Float32 or float64 values rounded to a float type, in the storage of that type."""
    if dtype is FP32 or dtype is FP64:
        return x.astype(dtype.storage, copy=False)
    if dtype is FP16:
        return x.astype(np.float16).astype(np.float32)
    if dtype is BF16:
        return _to_bf16(x)
    return _to_fp8(x, dtype)


def _to_bf16(x: Array) -> Array:
    if x.dtype == np.float64:
        x = _odd(x)
    bits = np.ascontiguousarray(x).view(np.uint32)
    up = bits >> 16
    up &= 1
    up += 0x7FFF
    up += bits
    up &= 0xFFFF0000
    y = up.view(np.float32)
    nan = np.isnan(x)
    return np.where(nan, np.float32(np.nan), y) if nan.any() else y


def _odd(x: Array) -> Array:
    """Float64 values as float32, rounded to odd: a second rounding to fewer bits is then right."""
    y = x.astype(np.float32)
    inexact = (y.astype(np.float64) != x) & np.isfinite(x) & np.isfinite(y)
    toward_zero = np.where(np.abs(y.astype(np.float64)) > np.abs(x), np.nextafter(y, np.float32(0)), y)
    odd = (np.ascontiguousarray(toward_zero).view(np.uint32) | 1).view(np.float32)
    return np.where(inexact, odd, y)


def larger(x: Array, y: Array) -> Array:
    """The larger element. A NaN gives way to a number and −0 to +0, as in PTX max."""
    z = np.fmax(x, y)
    return _with_sign_of_zero(z, x, y, x + y) if z.dtype.kind == "f" and (z == 0).any() else z


def smaller(x: Array, y: Array) -> Array:
    """The smaller element. A NaN gives way to a number and +0 to −0, as in PTX min."""
    z = np.fmin(x, y)
    return _with_sign_of_zero(z, x, y, -(-x - y)) if z.dtype.kind == "f" and (z == 0).any() else z


def _with_sign_of_zero(z: Array, x: Array, y: Array, zero: Array) -> Array:
    return np.where((x == 0) & (y == 0), zero, z)


def fused(x: Array, y: Array, z: Array, dtype: DType) -> Array:
    """x · y + z, rounded once to a float type."""
    if dtype is FP64:
        return _fused64(x, y, z)
    product = x.astype(np.float64) * y  # exact
    return rounded(_sum_to_odd(product, z.astype(np.float64)), dtype)


def _sum_to_odd(x: Array, y: Array) -> Array:
    """x + y in float64, rounded to odd: a second rounding to fewer bits is then right."""
    total, error = _two_sum(x, y)
    even = np.isfinite(total) & (error != 0) & ((np.ascontiguousarray(total).view(np.int64) & 1) == 0)
    return np.where(even, np.nextafter(total, np.where(error > 0, np.inf, -np.inf)), total)


def _two_sum(x: Array, y: Array) -> tuple[Array, Array]:
    """x + y rounded, and what the rounding cut off (Knuth). Not for ∞ and NaN."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def _fused64(x: Array, y: Array, z: Array) -> Array:
    """x · y + z of float64, rounded once (Boldo and Melquiond). Not for results outside 2⁻⁹⁰⁰ to 2⁹⁰⁰."""
    plain = x * y + z
    upper, lower = _two_product(x, y)
    high, low = _two_sum(z, lower)
    value, rest = _two_sum(upper, high)
    exact = value + _sum_to_odd(low, rest)
    return np.where(np.isfinite(plain) & np.isfinite(exact) & (exact != 0), exact, plain)


def _two_product(x: Array, y: Array) -> tuple[Array, Array]:
    """x · y rounded, and what the rounding cut off (Dekker)."""
    product = x * y
    (a, b), (c, d) = _halves(x), _halves(y)
    return product, ((a * c - product) + a * d + b * c) + b * d


def _halves(x: Array) -> tuple[Array, Array]:
    """Two float64 of 26 bits whose sum is x (Veltkamp)."""
    scaled = x * 134217729.0  # 2²⁷ + 1
    high = scaled - (scaled - x)
    return high, x - high


def _to_fp8(x: Array, dtype: DType) -> Array:
    largest, lowest = (448.0, -6) if dtype is FP8E4NV else (57344.0, -14)  # and the exponent of the smallest normal
    wide = x.astype(np.float64)
    _, exponent = np.frexp(wide)
    step = np.ldexp(1.0, np.maximum(exponent - 1, lowest) - dtype.fraction)
    y = np.clip(np.rint(wide / step) * step, -largest, largest)
    return np.where(np.isnan(wide), np.nan, y).astype(np.float32)


def toward_zero(x: Array, dtype: DType) -> Array:
    """Values rounded to a narrower float type toward zero."""
    y = rounded(x, dtype)
    if dtype is FP32:
        return np.where(np.abs(y.astype(np.float64)) > np.abs(x), np.nextafter(y, np.float32(0)), y)
    step = _numbers(dtype)
    # The largest number of the type that is not above |x|.
    sizes = np.abs(x.astype(np.float64))
    at = np.clip(np.searchsorted(step, sizes, side="right") - 1, 0, len(step) - 1)
    down = np.copysign(step[at], x).astype(np.float32)
    return np.where(np.isfinite(x), down, y)


@lru_cache
def _numbers(dtype: DType) -> Array:
    """All finite numbers of a 16- or 8-bit type that are not negative, in order."""
    patterns = np.arange(1 << (dtype.bits - 1), dtype=np.uint16 if dtype.bits == 16 else np.uint8)
    values = from_bits(patterns, dtype).astype(np.float64)
    return values[np.isfinite(values)]


def tf32(x: Array) -> Array:
    """Float32 values with 10 bits of fraction, to nearest, ties away from zero: what a GPU's product reads of them."""
    bits = np.ascontiguousarray(x).view(np.uint32)
    y = ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)
    return np.where(np.isfinite(x), y, x)


def to_bits(x: Array, dtype: DType) -> Array:
    """The bit patterns of values of a float type, as unsigned integers of its width."""
    if dtype in (FP32, FP64):
        return np.ascontiguousarray(x).view(np.uint32 if dtype is FP32 else np.uint64)
    if dtype is FP16:
        return np.ascontiguousarray(x.astype(np.float16)).view(np.uint16)
    if dtype is BF16:
        return (np.ascontiguousarray(x, dtype=np.float32).view(np.uint32) >> 16).astype(np.uint16)
    sizes = np.abs(x.astype(np.float64))
    patterns = np.searchsorted(_numbers(dtype), sizes).astype(np.uint8)
    special = 0x7F if dtype is FP8E4NV else 0x7C
    patterns = np.where(np.isinf(x), special, np.where(np.isnan(x), 0x7F, patterns))
    return (patterns | (np.signbit(x).astype(np.uint8) << 7)).astype(np.uint8)


def from_bits(bits: Array, dtype: DType) -> Array:
    """The values of bit patterns, in the storage of the float type."""
    if dtype in (FP32, FP64):
        return np.ascontiguousarray(bits).view(np.float32 if dtype is FP32 else np.float64)
    if dtype is FP16:
        return np.ascontiguousarray(bits).view(np.float16).astype(np.float32)
    if dtype is BF16:
        return (bits.astype(np.uint32) << 16).view(np.float32)
    bias, width = (7, 3) if dtype is FP8E4NV else (15, 2)
    sign = np.where(bits >> 7, -1.0, 1.0)
    exponent = ((bits >> width) & ((1 << (7 - width)) - 1)).astype(np.int64)
    fraction = (bits & ((1 << width) - 1)).astype(np.float64) / (1 << width)
    value = np.where(exponent > 0, np.ldexp(1 + fraction, exponent - bias), np.ldexp(fraction, 1 - bias))
    if dtype is FP8E4NV:
        value = np.where((bits & 0x7F) == 0x7F, np.nan, value)
    else:
        value = np.where(exponent == 31, np.where(fraction == 0, np.inf, np.nan), value)
    assert dtype in (FP8E4NV, FP8E5)
    return (sign * value).astype(np.float32)
