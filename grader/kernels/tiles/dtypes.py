"""The types of the kernel language, and the rules by which two of them become one.

The rules are Triton's (`semantic.py`, version 3.9): they decide what a compiled kernel computes in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np

from grader.kernels.tiles.findings import Refused

Kind = Literal["bool", "int", "float", "pointer"]
RANK: dict[Kind, int] = {"bool": 0, "int": 1, "float": 2}


@dataclass(frozen=True, eq=False, repr=False)
class DType:
    """A type of elements.

    `storage` is the numpy type that holds them: every float of up to 32 bits is held as a float32. `fraction` is the
    number of explicit bits of a float's fraction. There is one object for each type.
    """

    name: str
    kind: Kind
    bits: int
    storage: Any = None
    signed: bool = False
    fraction: int = 0

    def __repr__(self) -> str:
        return self.name

    @cached_property
    def is_float(self) -> bool:
        return self.kind == "float"

    @cached_property
    def is_int(self) -> bool:
        """An integer, or a boolean: Triton takes a boolean for an unsigned integer of one bit."""
        return self.kind in ("int", "bool")

    @cached_property
    def is_fp8(self) -> bool:
        return self.kind == "float" and self.bits == 8

    @cached_property
    def is_pointer(self) -> bool:
        return self.kind == "pointer"

    @cached_property
    def itemsize(self) -> int:
        """Bytes of one element in memory."""
        return max(1, self.bits // 8)

    @cached_property
    def lowest(self) -> int:
        """The smallest integer of this type."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @cached_property
    def highest(self) -> int:
        """The largest integer of this type."""
        return (1 << (self.bits - self.signed)) - 1


@dataclass(frozen=True, eq=False, repr=False)
class Pointer(DType):
    """The type of addresses of elements."""

    element: DType | None = None


I1 = DType("i1", "bool", 1, np.bool_)
I8, I16, I32, I64 = (DType(f"i{n}", "int", n, np.dtype(f"int{n}").type, signed=True) for n in (8, 16, 32, 64))
U8, U16, U32, U64 = (DType(f"u{n}", "int", n, np.dtype(f"uint{n}").type) for n in (8, 16, 32, 64))
FP8E4NV = DType("fp8e4nv", "float", 8, np.float32, fraction=3)
FP8E5 = DType("fp8e5", "float", 8, np.float32, fraction=2)
FP16 = DType("fp16", "float", 16, np.float32, fraction=10)
BF16 = DType("bf16", "float", 16, np.float32, fraction=7)
FP32 = DType("fp32", "float", 32, np.float32, fraction=23)
FP64 = DType("fp64", "float", 64, np.float64, fraction=52)

# The names of the types in triton.language.
BY_NAME = {
    "int1": I1,
    **{f"int{d.bits}": d for d in (I8, I16, I32, I64)},
    **{f"uint{d.bits}": d for d in (U8, U16, U32, U64)},
    "float8e4nv": FP8E4NV,
    "float8e5": FP8E5,
    "float16": FP16,
    "bfloat16": BF16,
    "float32": FP32,
    "float64": FP64,
}


@lru_cache
def pointer_to(element: DType) -> Pointer:
    """The type of addresses of such elements."""
    return Pointer(f"*{element.name}", "pointer", 64, np.int64, element=element)


def type_of_number(x: object) -> DType:
    """The type of a literal: a whole number is an i32 if it fits, a float an fp32. Raises Refused."""
    if isinstance(x, bool):
        return I1
    if isinstance(x, int):
        for dtype in (I32, U32, I64, U64):
            if dtype.lowest <= x <= dtype.highest:
                return dtype
        raise Refused(f"the number {_short(x)} does not fit into 64 bits")
    if isinstance(x, float):
        size = abs(x)
        normal = 2.0**-126 <= size <= (2 - 2.0**-23) * 2.0**127
        return FP32 if normal or size == 0 or size != size or size == float("inf") else FP64
    raise Refused(f"{_kind_of(x)} is neither a number nor a tile")


def type_of_argument(x: object) -> DType:
    """The type in which a kernel gets a number from the launcher."""
    if isinstance(x, bool):
        return I1
    if isinstance(x, int):
        return next((d for d in (I32, I64, U64) if d.lowest <= x <= d.highest), I64)
    return FP32


def promoted_integers(a: DType, b: DType) -> DType:
    """The type of two integers together, by C's rules: the wider one, and of two equally wide ones the unsigned one."""
    if a.signed == b.signed:
        return a if a.bits > b.bits else b
    if not a.signed:
        return a if a.bits >= b.bits else b
    return b if b.bits >= a.bits else a


def promoted(a: DType, a_is_number: bool, b: DType, b_is_number: bool, *, divides: bool = False) -> DType:
    """The type in which two operands meet. A literal of no higher kind takes the type of the tile it meets.

    `divides`: for / // and %, which 16-bit floats do in fp32. Raises Refused.
    """
    if a_is_number != b_is_number:
        number, tile = (a, b) if a_is_number else (b, a)
        if RANK[number.kind] <= RANK[tile.kind]:
            a = b = tile
    if FP64 in (a, b):
        return FP64
    if divides and (a.is_float or b.is_float):
        return FP32
    if FP32 in (a, b):
        return FP32
    if FP16 in (a, b):
        return FP16
    if BF16 in (a, b):
        return BF16 if a == b else FP32
    if a.is_fp8 and b.is_fp8:
        return a if a == b else FP16
    if not a.is_int or not b.is_int:
        raise Refused(f"{a} and {b} have no common type: cast one of them, x.to(tl.float32)")
    if divides and a.signed != b.signed:
        raise Refused(f"/, // and % need two signed or two unsigned integers, not {a} and {b}: cast one of them")
    return promoted_integers(a, b)


def _short(x: int) -> str:
    return str(x) if abs(x) < 10**20 else f"of {x.bit_length()} bits"


def _kind_of(x: object) -> str:
    return "None" if x is None else f"a {type(x).__name__}"
