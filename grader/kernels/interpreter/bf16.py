"""bf16 in Triton's interpreter, made right or refused.

The problem upstream (triton 3.5 to 3.9): the interpreter keeps a bf16 tile as its 16-bit patterns in uint16 and
computes on the patterns. `a + b`, `tl.sum` and `tl.dot` on bf16 give garbage with no error; fp32 -> bf16 drops bits
instead of rounding; integer -> bf16 stores the integer as a pattern. Loads, stores, moves and bf16 -> fp32 are right.

Here casts round to nearest even and `tl.dot` multiplies through fp32, in which products of bf16 are exact. All other
arithmetic on bf16 is refused: on a GPU it would round after every step, which is not what any koan asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from grader.kernels.interpreter.patching import replaced


class LowPrecisionArithmetic(TypeError):
    """Arithmetic on a bf16 tile, or a function that Triton has for fp32 only."""


def refused(what: str) -> LowPrecisionArithmetic:
    return LowPrecisionArithmetic(
        f"{what} on a bf16 tile: cast to fp32 first, x.to(tl.float32), compute, and cast back when you store, "
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


REFUSED = ("binary_op", "unary_op", "create_fabs", "create_fma")  # arithmetic, by the names of upstream's builder
CASTS = ("cast_impl", "create_fp_to_fp")


@contextmanager
def repaired() -> Iterator[None]:
    """Within the block the interpreter casts and multiplies bf16 rightly and refuses the rest."""
    import triton.language as tl
    from triton.runtime import interpreter as upstream

    builder = upstream.interpreter_builder
    plain = {name: getattr(builder, name) for name in (*CASTS, "create_dot", *REFUSED)}
    mended = _Mended(plain, upstream.TensorHandle, tl.bfloat16, tl.float32)
    with ExitStack() as stack:
        stack.enter_context(replaced(builder, mended.operations()))
        for reductions in (upstream.ReduceOps, upstream.ScanOps):
            refusing = {"apply_impl": mended.refusing_reduction(reductions.apply_impl)}
            stack.enter_context(replaced(reductions, refusing))
        yield


@dataclass(frozen=True)
class _Mended:
    """The interpreter's operations on tiles, with bf16 made right or refused.

    `plain` has upstream's operations by name, and `handle` is upstream's tile: numpy data and a Triton type.
    """

    plain: Mapping[str, Callable[..., Any]]
    handle: type[Any]
    bf16: Any
    fp32: Any

    def operations(self) -> dict[str, Callable[..., Any]]:
        """What stands in for the builder's operations, by their names."""
        mended: dict[str, Callable[..., Any]] = dict.fromkeys(CASTS, self.cast)
        mended |= {"create_dot": self.dot, "get_bf16": self.constant}
        return mended | {name: self.refusing(name) for name in REFUSED}

    def cast(self, src: Any, dst_type: Any, *rounding: Any) -> Any:
        """Both of upstream's casts: create_fp_to_fp takes a rounding mode, cast_impl does not."""
        from_bf16, to_bf16 = self.is_bf16(src.dtype), self.is_bf16(dst_type)
        if from_bf16 and to_bf16:
            return self.handle(src.data, dst_type.scalar)
        if to_bf16:
            return self.handle(round_to_bf16(src.data.astype(np.float32)), dst_type.scalar)
        if from_bf16:
            wide = self.widened(src)
            return wide if dst_type.scalar == self.fp32 else self.plain["cast_impl"](wide, dst_type)
        name = "create_fp_to_fp" if rounding else "cast_impl"
        return self.plain[name](src, dst_type, *rounding)

    def dot(self, a: Any, b: Any, d: Any, *rest: Any, **named: Any) -> Any:
        a, b = (self.widened(x) if self.is_bf16(x.dtype) else x for x in (a, b))
        if d.data.dtype == np.float32:  # np.matmul converts fp16 on the way, but then multiplies without BLAS
            a, b = (self.as_fp32(x.data) if x.data.dtype == np.float16 else x for x in (a, b))
        return self.plain["create_dot"](a, b, d, *rest, **named)

    def constant(self, value: float) -> Any:  # not there in triton 3.7
        return self.handle(round_to_bf16(np.array([value], dtype=np.float32)), self.bf16)

    def refusing(self, name: str) -> Callable[..., Any]:
        def operation(*operands: Any, **named: Any) -> Any:
            if any(self.is_bf16(x.dtype) for x in operands if isinstance(x, self.handle)):
                raise refused(_said(operands, name))
            return self.plain[name](*operands, **named)

        return operation

    def refusing_reduction(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def apply(reduction: Any, inputs: Any) -> Any:
            if any(self.is_bf16(x.handle.dtype) for x in inputs):
                raise refused("a sum or other reduction")
            return plain(reduction, inputs)

        return apply

    def is_bf16(self, dtype: Any) -> bool:
        return bool(dtype.scalar == self.bf16)

    def widened(self, tile: Any) -> Any:
        """A bf16 tile as fp32, exactly."""
        return self.as_fp32(from_bf16(tile.data))

    def as_fp32(self, data: np.ndarray[Any, Any]) -> Any:
        return self.handle(data.astype(np.float32, copy=False), self.fp32)


def _said(operands: tuple[Any, ...], name: str) -> str:
    """What the learner wrote, as far as numpy's name for it tells."""
    ufunc = next((x.__name__ for x in operands if isinstance(x, np.ufunc)), name.removeprefix("create_"))
    return {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "negative": "-"}.get(ufunc, f"`{ufunc}`")
