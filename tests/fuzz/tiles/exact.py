"""What each operation on tiles gives, with every rounding written out. Independent of the machine: numpy and fractions.

A float of up to 32 bits is held as float64, which holds all its values, and is rounded explicitly. Integers are numpy's
own, which wrap. The rules are those of Triton's semantic.py and of PTX for sm_90.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

Array = Any


@dataclass(frozen=True)
class Format:
    """A floating-point type: bits of precision (with the hidden one), least exponent of a normal number, largest value."""

    precision: int
    least: int
    largest: float
    saturates: bool = False  # a cast of a larger number gives the largest


FORMATS = {
    "fp8e4nv": Format(4, -6, 448.0, saturates=True),
    "fp8e5": Format(3, -14, 57344.0, saturates=True),
    "fp16": Format(11, -14, 65504.0),
    "bf16": Format(8, -126, float.fromhex("0x1.fep127")),
    "tf32": Format(11, -126, float.fromhex("0x1.ffcp127")),
    "fp32": Format(24, -126, float.fromhex("0x1.fffffep127")),
}
FLOATS = ("fp16", "bf16", "fp32", "fp64")
INTS = {
    "i1": np.bool_, "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
    "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
}  # fmt: skip


@dataclass(frozen=True)
class Value:
    """A tile: its type and its elements, in float64 or in numpy's type for the integers."""

    kind: str
    data: Array

    @property
    def floating(self) -> bool:
        return self.kind not in INTS


def round_to(x: Array, kind: str) -> Array:
    """float64 rounded to the nearest value of a type, ties to even. What is too large becomes ∞, or the largest number."""
    if kind == "fp64":
        return x
    form = FORMATS[kind]
    with np.errstate(all="ignore"):
        exponent = np.frexp(x)[1] - 1
        unit = np.maximum(exponent, form.least) - (form.precision - 1)
        rounded = np.ldexp(np.rint(np.ldexp(x, -unit)), unit)
    rounded = np.where(np.isfinite(x), rounded, x)
    over = np.abs(rounded) > form.largest
    return np.where(over, np.copysign(form.largest if form.saturates else np.inf, rounded), rounded)


def round_away(x: Array, kind: str) -> Array:
    """The same, but ties go away from zero: how `cvt.rna.tf32` rounds."""
    form = FORMATS[kind]
    with np.errstate(all="ignore"):
        exponent = np.frexp(x)[1] - 1
        unit = np.maximum(exponent, form.least) - (form.precision - 1)
        scaled = np.ldexp(np.abs(x), -unit)
        rounded = np.copysign(np.ldexp(np.floor(scaled + 0.5), unit), x)
    return np.where(np.isfinite(x), rounded, x)


def round_fraction(x: Fraction, kind: str) -> float:
    """An exact number rounded to the nearest value of a type, ties to even."""
    if x == 0:
        return 0.0
    if kind == "fp64":
        try:
            return x.numerator / x.denominator  # Python rounds a quotient of integers correctly
        except OverflowError:
            return math.copysign(math.inf, x)
    form = FORMATS[kind]
    size = abs(x)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= size < Fraction(2) ** exponent
    unit = Fraction(2) ** (max(exponent, form.least) - (form.precision - 1))
    rounded = round(size / unit) * unit  # round() of a Fraction goes to even
    if rounded > Fraction(form.largest):
        return math.copysign(form.largest if form.saturates else math.inf, x)
    return math.copysign(float(rounded), x)


def cast(x: Value, kind: str) -> Value:
    """The values in another type. A float becomes an integer only inside the type's range: outside, a GPU gives anything."""
    if x.kind == kind:
        return x
    if kind == "i1":
        return Value(kind, x.data != 0)
    if x.floating and kind in INTS:
        with np.errstate(invalid="ignore"):
            return Value(kind, np.trunc(x.data).astype(np.int64 if kind != "u64" else np.uint64).astype(INTS[kind]))
    if kind in INTS:
        return Value(kind, x.data.astype(INTS[kind]))
    if x.floating:
        return Value(kind, round_to(x.data, kind))
    flat = [round_fraction(Fraction(int(n)), kind) for n in x.data.ravel()]
    return Value(kind, np.array(flat, dtype=np.float64).reshape(x.data.shape))


def promoted(a: str, b: str, division: bool = False) -> str:
    """The type of an operation on two tiles."""
    if "fp64" in (a, b):
        return "fp64"
    if division and (a not in INTS or b not in INTS):
        return "fp32"
    if "fp32" in (a, b):
        return "fp32"
    if "fp16" in (a, b):
        return "fp16"
    if "bf16" in (a, b):
        return "bf16" if a == b else "fp32"  # an integer tile beside bf16 makes both fp32
    if a == b:
        return a
    bits = {k: np.dtype(INTS[k]).itemsize * 8 if k != "i1" else 1 for k in (a, b)}
    signed = {k: k.startswith("i") and k != "i1" for k in (a, b)}
    if signed[a] == signed[b]:
        return a if bits[a] > bits[b] else b
    unsigned, other = (a, b) if signed[b] else (b, a)
    return unsigned if bits[unsigned] >= bits[other] else other


def literal(value: bool | int | float, beside: str) -> Value:
    """A number beside a tile takes the tile's type, unless it is of a higher kind: bool, integer, float."""
    own = "i1" if isinstance(value, bool) else "i32" if isinstance(value, int) else "fp32"
    rank = {"i1": 0, "fp32": 2}.get(own, 1), 0 if beside == "i1" else 1 if beside in INTS else 2
    kind = beside if rank[0] <= rank[1] else own
    if kind in INTS:
        return Value(kind, np.asarray(value).astype(INTS[kind]))
    return Value(kind, np.array(round_fraction(Fraction(value), kind) if math.isfinite(value) else value))


def _sum(x: Array, y: Array, kind: str) -> Array:
    """x + y, rounded once."""
    total = x + y
    if kind in ("fp64", *INTS):
        return total
    with np.errstate(invalid="ignore"):
        part = total - x
        error = (x - (total - part)) + (y - part)  # the exact sum is total + error
    return round_to(_to_odd(total, error), kind)


def _to_odd(total: Array, error: Array) -> Array:
    """The float64 that rounds as the exact total + error does: an even last bit becomes odd if something was cut off."""
    error = np.where(np.isfinite(total), error, 0.0)
    even = (total.view(np.int64) & 1) == 0
    toward = np.where(error > 0, np.inf, -np.inf)
    return np.where((error != 0) & even, np.nextafter(total, toward), total)


def arithmetic(operator: str, a: Value, b: Value) -> Value:
    """`+`, `-`, `*`, `/`, `//` and `%`, rounded once. The divisor of integers is not 0, and no quotient is too large."""
    if operator == "/" and not a.floating and not b.floating:
        a, b = cast(a, "fp32"), cast(b, "fp32")
    kind = promoted(a.kind, b.kind, operator in ("/", "//", "%"))
    x, y = cast(a, kind).data, cast(b, kind).data
    x, y = np.broadcast_arrays(x, y)
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    if kind == "i1":  # one bit: + and − are xor, × is and
        return Value(kind, {"+": np.logical_xor, "-": np.logical_xor, "*": np.logical_and}[operator](x, y))
    with np.errstate(all="ignore"):
        if operator == "+":
            return Value(kind, _sum(x, y, kind))
        if operator == "-":
            return Value(kind, _sum(x, -y, kind) if kind not in INTS else x - y)
        if operator == "*":
            return Value(kind, round_to(x * y, kind) if kind not in INTS else x * y)
        if kind in INTS:
            flat = [_divided(operator, int(p), int(q)) for p, q in zip(x.ravel(), y.ravel(), strict=True)]
            return Value(kind, np.array(flat, dtype=object).astype(INTS[kind]).reshape(x.shape))
        if operator == "%":
            return Value(kind, np.fmod(x, y))  # exact
        return Value(kind, round_to(x / y, kind))


def _divided(operator: str, p: int, q: int) -> int:
    quotient = abs(p) // abs(q) * (1 if (p < 0) == (q < 0) else -1)  # cut toward zero, as in C
    return quotient if operator == "//" else p - q * quotient


def bitwise(operator: str, a: Value, b: Value) -> Value:
    """`&`, `|`, `^`, `<<` and `>>`. A shift is by less than the width."""
    kind = promoted(a.kind, b.kind)
    x, y = cast(a, kind).data, cast(b, kind).data
    function = {"&": np.bitwise_and, "|": np.bitwise_or, "^": np.bitwise_xor, "<<": np.left_shift, ">>": np.right_shift}
    return Value(kind, function[operator](x, y))


def compared(operator: str, a: Value, b: Value) -> Value:
    kind = promoted(a.kind, b.kind)
    x, y = cast(a, kind).data, cast(b, kind).data
    function: dict[str, Callable[..., Array]] = {
        "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal,
    }  # fmt: skip
    return Value("i1", function[operator](x, y))


def extremum(name: str, a: Value, b: Value) -> Value:
    """`maximum` and `minimum`: a number beats NaN, and +0 is more than −0."""
    kind = promoted(a.kind, b.kind)
    x, y = np.broadcast_arrays(cast(a, kind).data, cast(b, kind).data)
    if kind in INTS:
        return Value(kind, (np.maximum if name == "maximum" else np.minimum)(x, y))
    less = (x < y) | ((x == y) & np.signbit(x) & ~np.signbit(y)) | np.isnan(x if name == "maximum" else y)
    return Value(kind, np.where(less, y, x) if name == "maximum" else _smaller(x, y))


def _smaller(x: Array, y: Array) -> Array:
    takes_x = (x < y) | ((x == y) & np.signbit(x)) | np.isnan(y)
    return np.where(takes_x, x, y)


def selected(condition: Value, a: Value, b: Value) -> Value:
    kind = promoted(a.kind, b.kind)
    return Value(kind, np.where(condition.data, cast(a, kind).data, cast(b, kind).data))


def fused(a: Value, b: Value, c: Value) -> Value:
    """a·b + c of one float type, rounded once."""
    kind = a.kind
    x, y, z = np.broadcast_arrays(a.data, b.data, c.data)
    with np.errstate(all="ignore"):
        fast = x * y + z  # right where something is infinite or NaN, and for signs of zeros
    out = [
        _fused(float(p), float(q), float(r), float(f), kind)
        for p, q, r, f in zip(x.ravel(), y.ravel(), z.ravel(), fast.ravel(), strict=True)
    ]
    return Value(kind, np.array(out).reshape(x.shape))


def _fused(p: float, q: float, r: float, fast: float, kind: str) -> float:
    if not (math.isfinite(p) and math.isfinite(q) and math.isfinite(r)):
        return fast
    total = Fraction(p) * Fraction(q) + Fraction(r)
    if total:
        return round_fraction(total, kind)
    product_negative = (math.copysign(1, p) < 0) != (math.copysign(1, q) < 0)
    both = product_negative and math.copysign(1, r) < 0 and (p == 0 or q == 0)
    return -0.0 if both else 0.0


def negative(x: Value) -> Value:
    if x.kind == "i1":
        return x
    return Value(x.kind, -x.data)


def absolute(x: Value) -> Value:
    return Value(x.kind, np.abs(x.data) if x.floating or (x.kind.startswith("i") and x.kind != "i1") else x.data)


def inverted(x: Value) -> Value:
    return Value(x.kind, ~x.data)


MATH: dict[str, Callable[[float], float]] = {
    "exp": math.exp, "exp2": math.exp2, "log": math.log, "log2": math.log2, "sqrt": math.sqrt, "sin": math.sin, "cos": math.cos,
    "erf": math.erf, "floor": math.floor, "ceil": math.ceil, "sqrt_rn": math.sqrt, "rsqrt": lambda x: 1 / math.sqrt(x),
}  # fmt: skip
FUNCTIONS = (*MATH, "sigmoid")
EXACT = ("sqrt", "sqrt_rn", "floor", "ceil")  # rounded correctly


def function(name: str, x: Value) -> Value:
    """A function of a float, from float64's: for fp32 rounded correctly but for very rare cases."""
    assert x.kind in ("fp32", "fp64")
    if name == "sigmoid":  # Triton has no function for it: 1 / (1 + exp(-x)), each step rounded
        one = Value(x.kind, np.ones_like(x.data))
        return arithmetic("/", one, arithmetic("+", one, function("exp", negative(x))))
    out = [_called(name, float(v)) for v in x.data.ravel()]
    return Value(x.kind, round_to(np.array(out, dtype=np.float64).reshape(x.data.shape), x.kind))


def _called(name: str, x: float) -> float:
    if math.isnan(x):
        return x
    if name in ("floor", "ceil"):
        return math.copysign(float(MATH[name](x)), x) if math.isfinite(x) else x
    if name in ("sqrt", "sqrt_rn") and x == 0:
        return x
    if name == "rsqrt" and x == 0:
        return math.copysign(math.inf, x)
    if name in ("log", "log2") and x == 0:
        return -math.inf
    if name == "rsqrt" and math.isinf(x):
        return 0.0 if x > 0 else math.nan
    try:
        return MATH[name](x)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


def ulps(a: Array, b: Array, kind: str) -> Array:
    """How many steps of a type lie between two values of it. Two NaN are 0 apart."""
    if kind == "fp64":
        step = np.spacing(np.maximum(np.abs(a), np.abs(b)))
    else:
        form = FORMATS[kind]
        exponent = np.frexp(np.maximum(np.abs(a), np.abs(b)))[1] - 1
        step = np.ldexp(1.0, np.maximum(exponent, form.least) - (form.precision - 1))
    with np.errstate(all="ignore"):
        distance = np.where(a == b, 0.0, np.abs(a - b) / step)
    return np.where(np.isnan(a) & np.isnan(b), 0.0, np.where(np.isnan(a) | np.isnan(b), np.inf, distance))
