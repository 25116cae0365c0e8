"""Arithmetic on tiles and numbers: operators, comparisons, minimum and maximum, selection.

A result is rounded after each operation to the type it has; 16-bit floats are computed in fp32 first. Integers wrap,
`//` and `%` cut toward zero as in C. Two plain numbers follow Python, because Triton computes them while it compiles.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from grader.kernels.tiles.casts import bitcast, cast, number, to_tile
from grader.kernels.tiles.dtypes import (
    FP32,
    FP64,
    I1,
    I64,
    DType,
    promoted,
    type_of_number,
)
from grader.kernels.tiles.findings import PointerCast, Refused
from grader.kernels.tiles.rounding import Array, larger, rounded, smaller
from grader.kernels.tiles.tile import LARGEST, PROGRAM_AXES, Tile, as_rank, both, defined_in

Value = Any  # a Tile, or a plain number
Operation = Callable[[Value, Value], Tile]
LARGEST_CONSTANT = 1 << 128  # plain numbers beyond it are of no use and may be an attack

SYMBOLS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
PYTHON: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
COMPARISONS: dict[str, Any] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def is_number(x: object) -> bool:
    """Is this a plain number, known while the kernel is compiled?"""
    return isinstance(x, (bool, int, float))


def binary(symbol: str, a: Value, b: Value) -> Value:
    """`a symbol b`. Raises Refused where Triton would not compile it."""
    if not isinstance(a, Tile):
        if not isinstance(b, Tile):
            return constant(symbol, a, b)
        _check_number(symbol, a)
    elif not isinstance(b, Tile):
        _check_number(symbol, b)
    return _OPERATORS[symbol](a, b)


def _check_number(symbol: str, x: object) -> None:
    if not is_number(x):
        raise Refused(f"`{symbol}` takes tiles and numbers, not {_said(x)}")


def constant(symbol: str, a: Any, b: Any) -> Any:
    """The result for two plain values. Raises Refused for what Python cannot compute, or what grows without end."""
    if symbol in ("<<", "*") and isinstance(a, int) and isinstance(b, int):
        size = a.bit_length() + (b if symbol == "<<" else b.bit_length())
        if size > 256:
            raise Refused("this number does not fit into 64 bits")
    if isinstance(a, tuple) or isinstance(b, tuple):
        length = sum(len(x) if isinstance(x, tuple) else abs(x) if isinstance(x, int) else 0 for x in (a, b))
        if symbol not in ("+", "*", "==", "!=") or length > 1 << 12:
            raise Refused(f"`{symbol}` does not take a tuple here")
    try:
        result = PYTHON[symbol](a, b)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise Refused(f"{_said(a)} {symbol} {_said(b)}: {error}") from None
    if isinstance(result, int) and abs(result) > LARGEST_CONSTANT:
        raise Refused("this number does not fit into 64 bits")
    return result


def _said(x: object) -> str:
    return x.type if isinstance(x, Tile) else repr(x) if x is None or is_number(x) else type(x).__name__


def block_shape(*tiles: Tile) -> tuple[int, ...]:
    """The shape of tiles together: axes of length 1 are stretched, missing ones come first. Raises Refused."""
    first: tuple[int, ...] = tiles[0].data.shape[PROGRAM_AXES:]
    for tile in tiles[1:]:
        if tile.data.shape[PROGRAM_AXES:] != first:
            return _joint_shape(tuple(tile.shape for tile in tiles))
    return first


@lru_cache(maxsize=4096)
def _joint_shape(shapes: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    shape: tuple[int, ...] = ()
    for other in shapes:
        rank = max(len(shape), len(other))
        a, b = (1,) * (rank - len(shape)) + shape, (1,) * (rank - len(other)) + other
        if any(x != y and 1 not in (x, y) for x, y in zip(a, b, strict=True)):
            listed = " and ".join(str(list(s)) for s in shapes)
            raise Refused(f"tiles of the shapes {listed} do not fit: axes must have the same length, or length 1")
        shape = tuple(max(x, y) for x, y in zip(a, b, strict=True))
    if math.prod(shape) > LARGEST:
        raise Refused(f"a tile of the shape {list(shape)} has more than {LARGEST:,} elements, which Triton refuses")
    return shape


def stretched(x: Tile, shape: tuple[int, ...]) -> Tile:
    """The tile in a larger shape, without copying. The shape must fit."""
    if x.shape == shape:
        return x

    def stretch(data: Array) -> Array:
        return np.broadcast_to(as_rank(data, len(shape)), data.shape[:3] + shape)

    return x.moved(stretch)


def _dtype(x: Value) -> DType:
    return x.dtype if isinstance(x, Tile) else type_of_number(x)


def _check_pointers(a: DType, b: DType, *, allow_a: bool, allow_b: bool) -> None:
    for one, other, allowed in ((a, b, allow_a), (b, a, allow_b)):
        if not one.is_pointer:
            continue
        if not allowed or other.is_float:
            raise Refused(
                f"only whole numbers can be added to a pointer or subtracted, not {other}: load the tile first, tl.load"
            )
        if other.is_pointer and other != one:
            raise PointerCast


def operands(a: Value, b: Value, *, divides: bool = False) -> tuple[Any, Any, DType]:
    """Two operands in the type in which they meet, as arrays of one rank (a number stays a number), and the type."""
    one, other = _dtype(a), _dtype(b)
    if one.is_pointer or other.is_pointer:
        _check_pointers(one, other, allow_a=False, allow_b=False)
    if isinstance(a, Tile) and isinstance(b, Tile):
        dtype = one if one is other and one.bits >= 32 else promoted(one, False, other, False, divides=divides)
        rank = len(block_shape(a, b))
        if a.dtype is dtype and b.dtype is dtype and a.data.ndim == b.data.ndim:
            return a.data, b.data, dtype
        return as_rank(cast(a, dtype).data, rank), as_rank(cast(b, dtype).data, rank), dtype
    dtype = promoted(one, is_number(a), other, is_number(b), divides=divides)
    if is_number(a) and is_number(b):
        return _scalar(a, dtype).data, _scalar(b, dtype).data, dtype
    x, y = (cast(z, dtype).data if isinstance(z, Tile) else number(z, dtype) for z in (a, b))
    return x, y, dtype


def result(data: Array, dtype: DType, *inputs: Value) -> Tile:
    """A tile of results, undefined where one of the inputs is."""
    for x in inputs:
        if isinstance(x, Tile) and x.defined is not None:
            break
    else:
        return Tile(data, dtype)
    defined, origin = defined_in(*(x for x in inputs if isinstance(x, Tile)), rank=data.ndim - 3)
    return Tile(data, dtype, defined, origin)


def _elementwise(function: Any, symbol: str) -> Operation:
    def operation(a: Value, b: Value) -> Tile:
        x, y, dtype = operands(a, b)
        if dtype.is_float:
            if dtype.is_fp8:
                raise Refused(f"`{symbol}` on {dtype}: 8-bit floats are for tl.dot; cast first, x.to(tl.float32)")
            return result(_rounded(function(x, y), dtype), dtype, a, b)
        return result(_wrapped(function, symbol, x, y, dtype), dtype, a, b)

    return operation


def _rounded(data: Array, dtype: DType) -> Array:
    return data if dtype is FP32 or dtype is FP64 else rounded(data, dtype)


def _wrapped(function: Any, symbol: str, x: Any, y: Any, dtype: DType) -> Array:
    if dtype is I1:  # one bit: + and - are exclusive or, * is and
        return np.asarray(np.logical_and(x, y) if symbol == "*" else np.logical_xor(x, y))
    data: Array = function(x, y)
    return data


def _moved(pointer: Tile, offset: Value, sign: int) -> Tile:
    """A pointer, `offset` elements further on."""
    offset = to_tile(offset)
    if not offset.dtype.is_int:
        raise Refused(f"only whole numbers can be added to a pointer, not {offset.dtype}")
    rank = len(block_shape(pointer, offset))
    step = as_rank(offset.data, rank)
    if sign < 0:  # the offset is negated in its own type
        step = np.negative(step) if offset.dtype is not I1 else step
    signed = step.view(np.int64) if step.dtype == np.uint64 else step.astype(np.int64, copy=False)
    if offset.dtype is I1:  # a boolean is sign-extended: true is -1
        signed = -signed
    return result(as_rank(pointer.data, rank) + signed, pointer.dtype, pointer, offset)


def add(a: Value, b: Value) -> Tile:
    """a + b, of numbers or of a pointer and a number of elements."""
    x, y = _dtype(a), _dtype(b)
    if x.is_pointer or y.is_pointer:
        _check_pointers(x, y, allow_a=True, allow_b=True)
        if x.is_pointer and y.is_pointer:
            raise Refused("two pointers cannot be added")
        return _moved(a, b, 1) if x.is_pointer else _moved(b, a, 1)
    return _add(a, b)


def subtract(a: Value, b: Value) -> Tile:
    """a - b, of numbers or of a pointer and a number of elements."""
    x, y = _dtype(a), _dtype(b)
    if x.is_pointer or y.is_pointer:
        _check_pointers(x, y, allow_a=True, allow_b=False)
        return _moved(a, b, -1)
    return _subtract(a, b)


_add: Operation = _elementwise(np.add, "+")
_subtract: Operation = _elementwise(np.subtract, "-")
multiply: Operation = _elementwise(np.multiply, "*")


def divide(a: Value, b: Value) -> Tile:
    """a / b: integers are divided in fp32."""
    x, y, dtype = operands(a, b, divides=True)
    if dtype.is_int:
        x, y, dtype = np.asarray(x).astype(np.float32), np.asarray(y).astype(np.float32), FP32
    return result(np.divide(x, y, dtype=dtype.storage), dtype, a, b)


def _divided(a: Value, b: Value, *, remainder: bool) -> Tile:
    x, y, dtype = operands(a, b, divides=True)
    if dtype.is_float:
        if not remainder:
            raise Refused(f"`//` is for whole numbers, not for {dtype}: divide with / and take tl.floor")
        return result(np.fmod(x, y), dtype, a, b)
    x, y = np.asarray(x), np.asarray(y)
    if dtype is I1:
        x, y = x.astype(np.uint8), y.astype(np.uint8)
    zero = y == 0
    safe = np.where(zero, y.dtype.type(1), y) if zero.any() else y
    data = np.fmod(x, safe)
    if not remainder:
        data = (x - data) // safe
    tile = result(data.astype(dtype.storage, copy=False), dtype, a, b)
    if zero.any():  # the result is undefined on a GPU
        tile.defined = both(tile.defined, np.broadcast_to(~zero, data.shape))
    return tile


def floor_divide(a: Value, b: Value) -> Tile:
    """a // b of integers, cut toward zero as in C."""
    return _divided(a, b, remainder=False)


def modulo(a: Value, b: Value) -> Tile:
    """a % b, with the sign of a as in C."""
    return _divided(a, b, remainder=True)


def _integers(a: Value, b: Value, symbol: str) -> tuple[Any, Any, DType]:
    x, y, dtype = operands(a, b)
    if not dtype.is_int:
        raise Refused(f"`{symbol}` is for whole numbers and masks, not for {dtype}")
    return x, y, dtype


def _defined_by_one_side(tile: Tile, a: Value, b: Value, decides: Callable[[Array], Array]) -> Tile:
    """A value that decides the result alone makes it defined: false in `and`, true in `or`."""
    if tile.defined is None:
        return tile
    rank = tile.data.ndim - 3
    for x in (a, b):
        if isinstance(x, Tile):
            alone = decides(as_rank(x.data, rank))
            if x.defined is not None:
                alone = alone & as_rank(x.defined, rank)
            tile.defined = tile.defined | alone
    return tile


def bit_and(a: Value, b: Value) -> Tile:
    """a & b of integers or masks."""
    x, y, dtype = _integers(a, b, "&")
    return _defined_by_one_side(result(np.bitwise_and(x, y), dtype, a, b), a, b, lambda d: d == 0)


def bit_or(a: Value, b: Value) -> Tile:
    """a | b of integers or masks."""
    x, y, dtype = _integers(a, b, "|")
    tile = result(np.bitwise_or(x, y), dtype, a, b)
    return _defined_by_one_side(tile, a, b, lambda d: d) if dtype is I1 else tile


def bit_xor(a: Value, b: Value) -> Tile:
    """a ^ b of integers or masks."""
    x, y, dtype = _integers(a, b, "^")
    return result(np.bitwise_xor(x, y), dtype, a, b)


def _shifted(a: Value, b: Value, *, left: bool) -> Tile:
    x, y, dtype = _integers(a, b, "<<" if left else ">>")
    x, y = np.asarray(x), np.asarray(y)
    if dtype is I1:
        x, y = x.astype(np.uint8), y.astype(np.uint8)
    too_far = (y < 0) | (y >= dtype.bits)
    safe = np.where(too_far, y.dtype.type(0), y)
    data = np.left_shift(x, safe) if left else np.right_shift(x, safe)
    if dtype is I1:
        data = data & 1
    tile = result(data.astype(dtype.storage, copy=False), dtype, a, b)
    if too_far.any():  # the result is undefined on a GPU
        tile.defined = both(tile.defined, np.broadcast_to(~too_far, data.shape))
    return tile


def shift_left(a: Value, b: Value) -> Tile:
    """a << b."""
    return _shifted(a, b, left=True)


def shift_right(a: Value, b: Value) -> Tile:
    """a >> b: a signed number keeps its sign."""
    return _shifted(a, b, left=False)


def _compared(function: Any, symbol: str) -> Operation:
    """A comparison, as a tile of booleans. A comparison with NaN is false, but != is true."""

    def operation(a: Value, b: Value) -> Tile:
        x, y, dtype = operands(a, b)
        if dtype.is_fp8:
            raise Refused(f"`{symbol}` on {dtype}: cast first, x.to(tl.float32)")
        return result(function(x, y), I1, a, b)

    return operation


def _extreme(function: Any, name: str) -> Operation:
    def operation(a: Value, b: Value) -> Tile:
        x, y, dtype = operands(a, b)
        if dtype.is_fp8:
            raise Refused(f"tl.{name} on {dtype}: cast first, x.to(tl.float32)")
        return result(function(x, y), dtype, a, b)

    return operation


minimum: Operation = _extreme(smaller, "minimum")
maximum: Operation = _extreme(larger, "maximum")

_OPERATORS: dict[str, Operation] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "//": floor_divide,
    "%": modulo,
    "<<": shift_left,
    ">>": shift_right,
    "&": bit_and,
    "|": bit_or,
    "^": bit_xor,
    **{symbol: _compared(function, symbol) for symbol, function in COMPARISONS.items()},
}


def negative(x: Value) -> Value:
    """-x."""
    if not isinstance(x, Tile):
        return _of_number(operator.neg, x, "-")
    if x.dtype.is_pointer:
        raise Refused("`-` does not take a pointer")
    if x.dtype is I1:
        return x
    if x.dtype.is_fp8:
        raise Refused(f"`-` on {x.dtype}: cast first, x.to(tl.float32)")
    return x.with_data(np.negative(x.data), x.dtype)


def positive(x: Value) -> Value:
    """+x of a number. Triton has no unary + for tiles."""
    if isinstance(x, Tile):
        raise Refused("Triton has no unary + for a tile: leave it out")
    return _of_number(operator.pos, x, "+")


def inverted(x: Value) -> Value:
    """~x of an integer or a mask."""
    if not isinstance(x, Tile):
        if isinstance(x, float):
            raise Refused("`~` is for whole numbers and masks, not for floats")
        return _of_number(lambda v: ~int(v), x, "~")
    if not x.dtype.is_int:
        raise Refused(f"`~` is for whole numbers and masks, not for {x.dtype}")
    return x.with_data(np.invert(x.data), x.dtype)


def _of_number(function: Callable[[Any], Any], x: object, symbol: str) -> Any:
    if not is_number(x):
        raise Refused(f"`{symbol}` takes a tile or a number, not {_said(x)}")
    try:
        return function(x)
    except TypeError as error:
        raise Refused(f"`{symbol}` {_said(x)}: {error}") from None


def logical(word: str, a: Value, b: Value) -> Tile:
    """`a and b` or `a or b` of which one is a tile: element by element. Both must be masks."""
    x, y = (as_mask(to_tile(z), word) for z in (a, b))
    return bit_and(x, y) if word == "and" else bit_or(x, y)


def as_mask(x: Tile, word: str) -> Tile:
    """A tile as a mask. Raises Refused if its elements have more than one bit: Triton compares nothing with 0 here."""
    if x.dtype is I1:
        return x
    if x.dtype.is_pointer:
        raise PointerCast
    if x.dtype.bits != 1:
        raise Refused(f"`{word}` takes masks, but this is {x.type}: compare it first, x != 0")
    return bitcast(x, I1)


def where(condition: Value, a: Value, b: Value) -> Tile:
    """Elements of `a` where the condition holds and of `b` elsewhere. What is not taken may be undefined."""
    mask = cast(to_tile(condition), I1)
    x, y = _dtype(a), _dtype(b)
    _check_pointers(x, y, allow_a=True, allow_b=True)
    if x.is_pointer or y.is_pointer:
        one, other = to_tile(a), to_tile(b)
        if one.dtype != other.dtype:
            raise PointerCast
        dtype = one.dtype
    else:
        dtype = promoted(x, is_number(a), y, is_number(b))
        one, other = (cast(z, dtype) if isinstance(z, Tile) else _scalar(z, dtype) for z in (a, b))
    shape = block_shape(one, other)
    if mask.shape:
        shape = block_shape(mask, one, other)
    rank = len(shape)
    m, p, q = (as_rank(t.data, rank) for t in (mask, one, other))
    no_tail = m.size < p.size and bool(m.all())  # as in most blocks
    tile = Tile(p if no_tail else np.where(m, p, q), dtype)
    if tile.shape != shape:
        tile = stretched(tile, shape)
    if any(t.defined is not None for t in (mask, one, other)):
        taken = np.where(m, _defined(one, rank), _defined(other, rank))
        if mask.defined is not None:
            taken = taken & as_rank(mask.defined, rank)
        if not taken.all():
            tile.defined = np.broadcast_to(taken, np.broadcast_shapes(taken.shape, (1, 1, 1, *shape)))
            tile.origin = next(t.origin for t in (one, other, mask) if t.defined is not None)
    return tile


def _defined(x: Tile, rank: int) -> Any:
    return np.True_ if x.defined is None else as_rank(x.defined, rank)


def _scalar(value: bool | int | float, dtype: DType) -> Tile:
    return Tile(np.full((1, 1, 1), number(value, dtype), dtype=dtype.storage), dtype)


def common(*values: Value) -> tuple[list[Any], DType]:
    """Three or more operands in the type in which they all meet, as arrays of one rank. For fma and clamp."""
    tiles: DType | None = None
    numbers: DType | None = None
    for x in values:
        dtype = _dtype(x)
        _check_pointers(dtype, I64, allow_a=False, allow_b=False)
        if is_number(x):
            numbers = dtype if numbers is None else promoted(numbers, True, dtype, True)
        else:
            tiles = dtype if tiles is None else promoted(tiles, False, dtype, False)
    if tiles is None or numbers is None:
        both_or_one = tiles or numbers
        assert both_or_one is not None
        dtype = both_or_one
    else:
        dtype = promoted(tiles, False, numbers, True)
    wide = [cast(x, dtype) if isinstance(x, Tile) else _scalar(x, dtype) for x in values]
    rank = len(block_shape(*wide))
    return [as_rank(x.data, rank) for x in wide], dtype
