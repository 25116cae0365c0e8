from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from reference import Example, Moves, Work, oracle, unwritten
from reference.launching import next_power_of_2

if TYPE_CHECKING:
    import triton.language as tl  # the kernels below are read as text, never run


@oracle
def rms_norm_kernel(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    return (x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * gain).to(x.dtype)


@rms_norm_kernel.launcher
def launch(kernels: Any, config: Mapping[str, Any], x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    """One program for each row. BLOCK is the smallest power of two that holds the row."""
    rows, n = x.shape
    out = unwritten(rows, n, dtype=x.dtype)
    if x.numel():
        block = next_power_of_2(n)
        kernels.rms_norm_row[(rows,)](x.contiguous(), gain, out, n, eps, BLOCK=block, **config)
    return out


@rms_norm_kernel.example
def example(config: Mapping[str, Any]) -> Example:
    """Four rows of 100 elements in a block of 128."""
    return Example((torch.ones(4, 100), torch.ones(100)))


@rms_norm_kernel.traffic
def moves(config: Mapping[str, Any], x: Tensor, gain: Tensor, eps: float = 1e-6) -> Moves:
    return Moves({"x_ptr": x.nbytes, "gain_ptr": gain.nbytes * x.shape[0]}, {"out_ptr": x.nbytes})


@rms_norm_kernel.least
def least(x: Tensor, gain: Tensor) -> Work:
    return Work(0, x.nbytes + gain.nbytes)


@rms_norm_kernel.baseline("torch")
def fused(x: Tensor, gain: Tensor) -> Tensor:
    return functional.rms_norm(x, (x.shape[-1],), gain, 1e-6)


@rms_norm_kernel.right("divided by the square root")
def divided(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    m = column < n
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=m, other=0).to(tl.float32)
    gain = tl.load(gain_ptr + column, mask=m).to(tl.float32)
    tl.store(out_ptr + at, x / tl.sqrt(tl.sum(x * x, 0) / n + eps) * gain, mask=m)


@rms_norm_kernel.right("the gain first, the factor of the row last")
def gain_first(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    m = column < n
    at = tl.program_id(0) * n + column
    gain = tl.load(gain_ptr + column, mask=m).to(tl.float32)
    x = tl.load(x_ptr + at, mask=m).to(tl.float32)
    square = tl.where(m, x * x, 0.0)
    tl.store(out_ptr + at, (x * gain) * tl.rsqrt(tl.sum(square, 0) / n + eps), mask=m)


@rms_norm_kernel.wrong("the sum was divided by BLOCK: the mean is over the n columns, not over the lanes")
def mean_over_lanes(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    m = column < n
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=m, other=0).to(tl.float32)
    gain = tl.load(gain_ptr + column, mask=m).to(tl.float32)
    tl.store(out_ptr + at, x * tl.rsqrt(tl.sum(x * x, 0) / BLOCK + eps) * gain, mask=m)


@rms_norm_kernel.wrong("the sum of the squares was used instead of their mean: divide by n")
def norm_for_rms(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    m = column < n
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=m, other=0).to(tl.float32)
    gain = tl.load(gain_ptr + column, mask=m).to(tl.float32)
    tl.store(out_ptr + at, x * tl.rsqrt(tl.sum(x * x, 0) + eps) * gain, mask=m)


@rms_norm_kernel.wrong("the mean was subtracted, as in LayerNorm: RMSNorm does not subtract it")
def subtracts_mean(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    m = column < n
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=m, other=0).to(tl.float32)
    x = tl.where(m, x - tl.sum(x, 0) / n, 0.0)
    gain = tl.load(gain_ptr + column, mask=m).to(tl.float32)
    tl.store(out_ptr + at, x * tl.rsqrt(tl.sum(x * x, 0) / n + eps) * gain, mask=m)


@rms_norm_kernel.wrong("eps was left out: a row of zeros gives 0 times infinity, which is NaN")
def no_eps(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    m = column < n
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=m, other=0).to(tl.float32)
    gain = tl.load(gain_ptr + column, mask=m).to(tl.float32)
    tl.store(out_ptr + at, x * tl.rsqrt(tl.sum(x * x, 0) / n) * gain, mask=m)


@rms_norm_kernel.wrong("eps was added outside the root: add it to the mean of the squares")
def eps_outside(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    m = column < n
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=m, other=0).to(tl.float32)
    gain = tl.load(gain_ptr + column, mask=m).to(tl.float32)
    tl.store(out_ptr + at, x / (tl.sqrt(tl.sum(x * x, 0) / n) + eps) * gain, mask=m)


@rms_norm_kernel.wrong("the gain was left out: multiply each column by its gain")
def no_gain(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    m = column < n
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=m, other=0).to(tl.float32)
    tl.store(out_ptr + at, x * tl.rsqrt(tl.sum(x * x, 0) / n + eps), mask=m)


@rms_norm_kernel.wrong("the padding counted as ones: masked lanes must add 0 to the sum of squares")
def padding_of_ones(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    m = column < n
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=m, other=1).to(tl.float32)
    gain = tl.load(gain_ptr + column, mask=m).to(tl.float32)
    tl.store(out_ptr + at, x * tl.rsqrt(tl.sum(x * x, 0) / n + eps) * gain, mask=m)


@rms_norm_kernel.wrong(
    "x was squared in its own dtype: 300 squared is inf in fp16, and bf16 keeps only 8 bits; convert to float32 first"
)
def squares_in_half(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    m = column < n
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=m, other=0)
    gain = tl.load(gain_ptr + column, mask=m).to(tl.float32)
    mean = tl.sum((x * x).to(tl.float32), 0) / n
    tl.store(out_ptr + at, x.to(tl.float32) * tl.rsqrt(mean + eps) * gain, mask=m)


@rms_norm_kernel.wrong("x was rounded before the product with the gain: round once, at the store")
def rounded_twice(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    m = column < n
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=m, other=0).to(tl.float32)
    y = (x * tl.rsqrt(tl.sum(x * x, 0) / n + eps)).to(out_ptr.dtype.element_ty)
    gain = tl.load(gain_ptr + column, mask=m).to(tl.float32)
    tl.store(out_ptr + at, y.to(tl.float32) * gain, mask=m)


@rms_norm_kernel.wrong("x was loaded twice, for the mean and for the result: keep the row in registers")
def loaded_twice(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    m = column < n
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=m, other=0).to(tl.float32)
    factor = tl.rsqrt(tl.sum(x * x, 0) / n + eps)
    gain = tl.load(gain_ptr + column, mask=m).to(tl.float32)
    tl.store(out_ptr + at, tl.load(x_ptr + at, mask=m).to(tl.float32) * factor * gain, mask=m)


@rms_norm_kernel.wrong("rows were taken to be BLOCK elements long: row r starts at element r * n")
def row_of_block(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    m = column < n
    row = tl.program_id(0)
    x = tl.load(x_ptr + row * BLOCK + column, mask=m, other=0).to(tl.float32)
    gain = tl.load(gain_ptr + column, mask=m).to(tl.float32)
    tl.store(out_ptr + row * n + column, x / tl.sqrt(tl.sum(x * x, 0) / n + eps) * gain, mask=m)


@rms_norm_kernel.wrong(
    "the store had no mask: it writes past the end of the row and overwrites the next row or other memory"
)
def unmasked_store(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    m = column < n
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=m, other=0).to(tl.float32)
    gain = tl.load(gain_ptr + column, mask=m).to(tl.float32)
    tl.store(out_ptr + at, x / tl.sqrt(tl.sum(x * x, 0) / n + eps) * gain)


@rms_norm_kernel.wrong(
    "masked columns were loaded without `other`: they may hold anything, and tl.sum uses them; give other=0"
)
def no_other(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    m = column < n
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=m).to(tl.float32)
    gain = tl.load(gain_ptr + column, mask=m).to(tl.float32)
    tl.store(out_ptr + at, x / tl.sqrt(tl.sum(x * x, 0) / n + eps) * gain, mask=m)


@rms_norm_kernel.wrong("the kernel always used 1,024 columns, not BLOCK: a longer row is cut off")
def fixed_block(x_ptr: Any, gain_ptr: Any, out_ptr: Any, n: Any, eps: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, 1024)
    m = column < n
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=m, other=0).to(tl.float32)
    gain = tl.load(gain_ptr + column, mask=m).to(tl.float32)
    tl.store(out_ptr + at, x / tl.sqrt(tl.sum(x * x, 0) / n + eps) * gain, mask=m)
