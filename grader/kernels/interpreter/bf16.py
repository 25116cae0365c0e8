"""bf16 in Triton's interpreter, made right or refused.

The problem upstream (triton 3.5 to 3.9): the interpreter keeps a bf16 tile as its 16-bit patterns in uint16 and
computes on the patterns. `a + b`, `tl.sum` and `tl.dot` on bf16 give garbage with no error; fp32 -> bf16 drops bits
instead of rounding; integer -> bf16 stores the integer as a pattern. Loads, stores, moves and bf16 -> fp32 are right.

Here casts round to nearest even and `tl.dot` multiplies through fp32, in which products of bf16 are exact. All other
arithmetic on bf16 is refused: on a GPU it would round after every step, which is not what any koan asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


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


@contextmanager
def repaired() -> Iterator[None]:
    """Within the block the interpreter casts and multiplies bf16 rightly and refuses the rest."""
    import triton.language as tl
    from triton.runtime import interpreter as upstream

    builder = upstream.interpreter_builder
    plain: dict[str, Callable[..., Any]] = {
        name: getattr(builder, name)
        for name in ("cast_impl", "create_fp_to_fp", "create_dot", "binary_op", "unary_op", "create_fabs", "create_fma")
    }
    handle = upstream.TensorHandle

    def is_bf16(x: Any) -> bool:
        return bool(x.dtype.scalar == tl.bfloat16)

    def cast(src: Any, dst_type: Any, *rest: Any) -> Any:
        to_bf16, name = dst_type.scalar == tl.bfloat16, "create_fp_to_fp" if rest else "cast_impl"
        if not is_bf16(src) and not to_bf16:
            return plain[name](src, dst_type, *rest)
        if is_bf16(src) and to_bf16:
            return handle(src.data, dst_type.scalar)
        if is_bf16(src):
            wide = handle(from_bf16(src.data), tl.float32)
            return wide if dst_type.scalar == tl.float32 else plain["cast_impl"](wide, dst_type)
        return handle(round_to_bf16(src.data.astype(np.float32)), dst_type.scalar)

    def dot(a: Any, b: Any, d: Any, *rest: Any, **named: Any) -> Any:
        a, b = (handle(from_bf16(x.data), tl.float32) if is_bf16(x) else x for x in (a, b))
        if d.data.dtype == np.float32:  # np.matmul converts fp16 on the way, but then multiplies without BLAS
            a, b = (handle(x.data.astype(np.float32), tl.float32) if x.data.dtype == np.float16 else x for x in (a, b))
        return plain["create_dot"](a, b, d, *rest, **named)

    def constant(value: float) -> Any:  # not there in triton 3.7
        return handle(round_to_bf16(np.array([value], dtype=np.float32)), tl.bfloat16)

    def refusing(name: str) -> Callable[..., Any]:
        def operation(*operands: Any, **named: Any) -> Any:
            if any(is_bf16(x) for x in operands if isinstance(x, handle)):
                raise refused(_said(operands, name))
            return plain[name](*operands, **named)

        return operation

    reductions = {cls: cls.apply_impl for cls in (upstream.ReduceOps, upstream.ScanOps)}

    def reduction(cls: Any) -> Callable[..., Any]:
        def apply(self: Any, inputs: Any) -> Any:
            if any(is_bf16(x.handle) for x in inputs):
                raise refused("a sum or other reduction")
            return reductions[cls](self, inputs)

        return apply

    mended = {name: refusing(name) for name in ("binary_op", "unary_op", "create_fabs", "create_fma")}
    mended |= {"cast_impl": cast, "create_fp_to_fp": cast, "create_dot": dot, "get_bf16": constant}
    for name, function in mended.items():
        setattr(builder, name, function)
    for cls in reductions:
        cls.apply_impl = reduction(cls)
    try:
        yield
    finally:
        for name in mended:
            delattr(builder, name)
        for cls, apply in reductions.items():
            cls.apply_impl = apply


def _said(operands: tuple[Any, ...], name: str) -> str:
    """What the learner wrote, as far as numpy's name for it tells."""
    ufunc = next((x.__name__ for x in operands if isinstance(x, np.ufunc)), name.removeprefix("create_"))
    return {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "negative": "-"}.get(ufunc, f"`{ufunc}`")
