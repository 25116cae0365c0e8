"""tl.dot: products of tiles, with the precision that tensor cores have.

Two fp32 tiles are multiplied in tf32 unless the kernel asks for more. Products of 16- and 8-bit floats are exact, and
the sum is kept in fp32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from grader.kernels.tiles.dtypes import BF16, FP16, FP32, FP64, I8, I32, U8, DType
from grader.kernels.tiles.findings import Refused
from grader.kernels.tiles.rounding import Array, rounded, tf32
from grader.kernels.tiles.tile import Tile, all_defined, defined_in

SMALLEST_INNER = {8: 32, 16: 16, 32: 8, 64: 4}  # the least k of a product, by bits of an operand
PRECISIONS = ("tf32", "tf32x3", "ieee", "bf16x3", "bf16x6")
OPERANDS = (I8, U8, FP16, BF16, FP32, FP64)


def dot(
    a: Any,
    b: Any,
    acc: Any = None,
    input_precision: Any = None,
    allow_tf32: Any = None,
    max_num_imprecise_acc: Any = None,
    out_dtype: Any = None,
) -> Tile:
    """a b + acc, (…, m, k) by (…, k, n). Raises Refused for types and shapes that no tensor core takes."""
    for x in (a, b):
        if not isinstance(x, Tile) or len(x.shape) < 2:
            raise Refused("tl.dot multiplies two tiles with two axes each: [:, None] gives a tile a second axis")
    dtype = _checked_types(a, b, acc, out_dtype)
    _check_shapes(a, b, acc)
    if input_precision is not None and str(input_precision).lower() not in PRECISIONS:
        raise Refused(f"tl.dot: input_precision is one of {', '.join(PRECISIONS)}")
    data = _product(a, b, (str(input_precision) if input_precision is not None else "tf32").lower())
    if isinstance(acc, Tile):
        data = acc.data + data.astype(dtype.storage, copy=False)
    if dtype is FP16:
        data = rounded(data, FP16)
    defined, origin = _defined(a, b, acc)
    return Tile(data.astype(dtype.storage, copy=False), dtype, defined, origin)


def _checked_types(a: Tile, b: Tile, acc: Any, out_dtype: Any) -> DType:
    """The type of the result."""
    x, y = a.dtype, b.dtype
    if not (x.is_fp8 and y.is_fp8):
        for d in (x, y):
            if d not in OPERANDS:
                raise Refused(f"tl.dot does not take {d}: cast the tile to fp16, bf16 or fp32 first")
        if x != y:
            raise Refused(f"tl.dot takes two tiles of the same type, not {x} and {y}: cast one, p.to(v.dtype)")
    if acc is not None and not isinstance(acc, Tile):
        raise Refused("the accumulator of tl.dot must be a tile")
    if out_dtype is None:
        out_dtype = FP32 if acc is None else acc.dtype
    if not isinstance(out_dtype, DType):
        raise Refused("tl.dot: out_dtype is a type, such as tl.float32")
    if x.kind == "int":
        if x is not I8:
            raise Refused("tl.dot multiplies whole numbers of type i8 only")
        dtype = I32
    elif out_dtype is BF16:
        raise Refused("tl.dot gives fp32 or fp16: cast the result to bf16 afterwards")
    elif x in (FP32, BF16):
        dtype = FP32
    else:
        dtype = FP64 if x is FP64 else out_dtype
    if acc is not None and acc.dtype != out_dtype:
        raise Refused(f"tl.dot: the accumulator is {acc.dtype}, not {out_dtype}")
    if acc is not None and acc.dtype != dtype:
        raise Refused(f"tl.dot gives {dtype} here, but the accumulator is {acc.dtype}")
    return dtype


def _check_shapes(a: Tile, b: Tile, acc: Any) -> None:
    x, y = a.shape, b.shape
    if len(x) != len(y) or x[:-2] != y[:-2] or x[-1] != y[-2]:
        rule = "the last axis of the first tile must be as long as the second-to-last axis of the second"
        raise Refused(f"tl.dot of {a.type} and {b.type}: {rule}")
    least = SMALLEST_INNER[a.dtype.bits]
    if x[-1] < least:
        raise Refused(f"tl.dot of {a.type} and {b.type}: the inner axis must be at least {least} for {a.dtype}")
    if acc is not None and acc.shape != (*x[:-1], y[-1]):
        raise Refused(f"tl.dot gives the shape {[*x[:-1], y[-1]]}, but the accumulator is {acc.type}")


def _product(a: Tile, b: Tile, precision: str) -> Array:
    x, y = a.data, b.data
    if a.dtype is I8:
        wide = np.matmul(x.astype(np.float64), y.astype(np.float64))  # exact: below 2⁵³
        return np.asarray(wide.astype(np.int64).astype(np.int32))
    if a.dtype is FP32 and precision != "ieee":
        if precision == "tf32":
            x, y = tf32(x), tf32(y)
        elif precision.startswith("bf16"):
            return _split_product(x, y, BF16, terms=3 if precision.endswith("3") else 6)
    return np.asarray(np.matmul(_for_blas(x), _for_blas(y)))


def _for_blas(x: Array) -> Array:
    """The array in an order that BLAS takes; numpy multiplies others in a slow way."""
    size = x.itemsize
    rows, columns = x.strides[-2:]
    taken = (columns == size and rows >= size * x.shape[-1]) or (rows == size and columns >= size * x.shape[-2])
    return x if taken else np.ascontiguousarray(x)


def _split_product(x: Array, y: Array, dtype: DType, terms: int) -> Array:
    """A product of fp32 tiles from products of their parts in bf16: the three or six largest ones."""
    parts: list[tuple[Array, Array]] = []
    for _ in range(2 if terms == 3 else 3):
        u, v = rounded(x, dtype), rounded(y, dtype)
        parts.append((u, v))
        x, y = x - u, y - v
    pairs = [(i, j) for i in range(len(parts)) for j in range(len(parts)) if i + j < len(parts)]
    total = np.zeros((), np.float32)
    for i, j in sorted(pairs, key=sum, reverse=True):  # the small ones first
        total = total + np.matmul(parts[i][0], parts[j][1])
    return np.asarray(total)


def _defined(a: Tile, b: Tile, acc: Any) -> tuple[Array | None, int]:
    """An element is undefined if its row, its column or its accumulator holds an undefined one."""
    parts: list[Array] = []
    origin = 0
    for x, axis in ((a, -1), (b, -2)):
        mask = all_defined(x, axis, keep=True)
        if mask is not None:
            parts.append(mask)
            origin = origin or x.origin
    if isinstance(acc, Tile) and acc.defined is not None:
        mask, first = defined_in(acc, rank=len(acc.shape))
        assert mask is not None
        parts.append(mask)
        origin = origin or first
    if not parts:
        return None, 0
    total = parts[0]
    for part in parts[1:]:
        total = total & part
    return total, origin
