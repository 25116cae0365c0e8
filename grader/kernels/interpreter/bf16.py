"""Correct bf16 in Triton's interpreter: casts and `tl.dot` are repaired, other arithmetic is refused.

The problem upstream (triton 3.5 to 3.9): the interpreter stores a bf16 tile as 16-bit patterns in uint16 and computes
on the patterns. `a + b`, `tl.sum` and `tl.dot` on bf16 give garbage with no error; fp32 -> bf16 truncates instead of
rounding; integer -> bf16 stores the integer as a pattern. Loads, stores, moves and bf16 -> fp32 are right.

Here casts round to nearest even, and `tl.dot` multiplies in fp32, where products of bf16 numbers are exact. All other
arithmetic on bf16 is refused: a GPU would round after every step, and no koan asks for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from grader.kernels.interpreter.patching import replaced


class LowPrecisionArithmetic(TypeError):
    """Arithmetic on a bf16 tile, or a call of a function that Triton has only for fp32 and fp64."""


def refused(operation: str) -> LowPrecisionArithmetic:
    """The error for an operation on a bf16 tile."""
    return LowPrecisionArithmetic(
        f"{operation} on a bf16 tile: cast to fp32 first, x.to(tl.float32), compute, and cast back when you store, "
        "y.to(tl.bfloat16); tl.dot alone takes bf16 as it is"
    )


def round_to_bf16(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The bf16 patterns (uint16) nearest to fp32 values, ties to even; NaN stays NaN, overflow becomes inf."""
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    return np.where(np.isnan(x), 0x7FC0 | (bits >> 31 << 15), rounded).astype(np.uint16).reshape(x.shape)


def from_bf16(patterns: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The fp32 values of bf16 patterns, exactly."""
    return (patterns.astype(np.uint32) << 16).view(np.float32)


REFUSED = ("binary_op", "unary_op", "create_fabs", "create_fma")  # arithmetic, by its names in upstream's builder
CASTS = ("cast_impl", "create_fp_to_fp")


@contextmanager
def repaired() -> Iterator[None]:
    """Within the block, the interpreter casts and multiplies bf16 correctly and refuses other arithmetic on it."""
    import triton.language as tl
    from triton.runtime import interpreter as upstream

    builder = upstream.interpreter_builder
    original = {name: getattr(builder, name) for name in (*CASTS, "create_dot", *REFUSED)}
    repairs = _Repairs(original, upstream.TensorHandle, tl.bfloat16, tl.float32)
    with ExitStack() as stack:
        stack.enter_context(replaced(builder, repairs.operations()))
        for reductions in (upstream.ReduceOps, upstream.ScanOps):
            refusing = {"apply_impl": repairs.refusing_reduction(reductions.apply_impl)}
            stack.enter_context(replaced(reductions, refusing))
        yield


@dataclass(frozen=True)
class _Repairs:
    """Replacements for the interpreter's operations on tiles, with bf16 repaired or refused.

    `original` has upstream's operations by name. `handle` is upstream's class of tiles: numpy data and a Triton type.
    """

    original: Mapping[str, Callable[..., Any]]
    handle: type[Any]
    bf16: Any
    fp32: Any

    def operations(self) -> dict[str, Callable[..., Any]]:
        """The replacements by the names of the builder's operations."""
        replacements: dict[str, Callable[..., Any]] = dict.fromkeys(CASTS, self.cast)
        replacements |= {"create_dot": self.dot, "get_bf16": self.constant}
        return replacements | {name: self.refusing(name) for name in REFUSED}

    def cast(self, src: Any, dst_type: Any, *rounding: Any) -> Any:
        """Replaces both of upstream's casts: create_fp_to_fp takes a rounding mode, cast_impl does not."""
        from_bf16, to_bf16 = self.is_bf16(src.dtype), self.is_bf16(dst_type)
        if from_bf16 and to_bf16:
            return self.handle(src.data, dst_type.scalar)
        if to_bf16:
            return self.handle(round_to_bf16(src.data.astype(np.float32)), dst_type.scalar)
        if from_bf16:
            wide = self.widened(src)
            return wide if dst_type.scalar == self.fp32 else self.original["cast_impl"](wide, dst_type)
        name = "create_fp_to_fp" if rounding else "cast_impl"
        return self.original[name](src, dst_type, *rounding)

    def dot(self, a: Any, b: Any, d: Any, *rest: Any, **named: Any) -> Any:
        a, b = (self.widened(x) if self.is_bf16(x.dtype) else x for x in (a, b))
        if d.data.dtype == np.float32:  # np.matmul could convert fp16 itself, but then it multiplies without BLAS
            a, b = (self.as_fp32(x.data) if x.data.dtype == np.float16 else x for x in (a, b))
        return self.original["create_dot"](a, b, d, *rest, **named)

    def constant(self, value: float) -> Any:  # triton 3.7 has no get_bf16
        return self.handle(round_to_bf16(np.array([value], dtype=np.float32)), self.bf16)

    def refusing(self, name: str) -> Callable[..., Any]:
        def operation(*operands: Any, **named: Any) -> Any:
            if any(self.is_bf16(x.dtype) for x in operands if isinstance(x, self.handle)):
                raise refused(_symbol(operands, name))
            return self.original[name](*operands, **named)

        return operation

    def refusing_reduction(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def apply(reduction: Any, inputs: Any) -> Any:
            if any(self.is_bf16(x.handle.dtype) for x in inputs):
                raise refused("a sum or other reduction")
            return original(reduction, inputs)

        return apply

    def is_bf16(self, dtype: Any) -> bool:
        return bool(dtype.scalar == self.bf16)

    def widened(self, tile: Any) -> Any:
        """A bf16 tile as fp32, exactly."""
        return self.as_fp32(from_bf16(tile.data))

    def as_fp32(self, data: np.ndarray[Any, Any]) -> Any:
        return self.handle(data.astype(np.float32, copy=False), self.fp32)


def _symbol(operands: tuple[Any, ...], name: str) -> str:
    """The operator that the learner wrote, as far as the name of numpy's function shows it."""
    ufunc = next((x.__name__ for x in operands if isinstance(x, np.ufunc)), name.removeprefix("create_"))
    return {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "negative": "-"}.get(ufunc, f"`{ufunc}`")
