from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from reference import Example, Moves, Work, oracle, unwritten
from reference.launching import next_power_of_2

if TYPE_CHECKING:
    import triton.language as tl  # the kernels below are read as text, never run


@oracle
def row_softmax_kernel(x: Tensor) -> Tensor:
    if not x.numel():
        return x.clone()
    e = torch.exp(x - x.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True)


@row_softmax_kernel.launcher
def launch(kernels: Any, config: Mapping[str, Any], x: Tensor) -> Tensor:
    """One program for each row. BLOCK is the smallest power of two that holds the row."""
    rows, n = x.shape
    out = unwritten(rows, n, dtype=x.dtype)
    if x.numel():
        kernels.softmax_kernel[(rows,)](x.contiguous(), out, n, BLOCK=next_power_of_2(n), **config)
    return out


@row_softmax_kernel.example
def example(config: Mapping[str, Any]) -> Example:
    """Four rows of 100 elements in a block of 128."""
    return Example((torch.ones(4, 100),))


@row_softmax_kernel.traffic
def moves(config: Mapping[str, Any], x: Tensor) -> Moves:
    return Moves({"x_ptr": x.nbytes}, {"out_ptr": x.nbytes})


@row_softmax_kernel.least
def least(x: Tensor) -> Work:
    return Work(0, x.nbytes)


@row_softmax_kernel.baseline("torch")
def fused(x: Tensor) -> Tensor:
    return torch.softmax(x, -1)


@row_softmax_kernel.right("exp2 of scores divided by log 2")
def base_two(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=column < n, other=float("-inf")).to(tl.float32)
    e = tl.exp2((x - tl.max(x, 0)) * 1.4426950408889634)
    tl.store(out_ptr + at, e / tl.sum(e, 0), mask=column < n)


@row_softmax_kernel.right("zeros loaded, then hidden with tl.where")
def hidden_after(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=column < n, other=0).to(tl.float32)
    top = tl.max(tl.where(column < n, x, float("-inf")), 0)
    e = tl.where(column < n, tl.exp(x - top), 0.0)
    tl.store(out_ptr + at, e * (1.0 / tl.sum(e, 0)), mask=column < n)


@row_softmax_kernel.wrong("masked columns were loaded as 0 and count as scores of 0: give tl.load other=float('-inf')")
def other_zero(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=column < n, other=0).to(tl.float32)
    e = tl.exp(x - tl.max(x, 0))
    tl.store(out_ptr + at, e / tl.sum(e, 0), mask=column < n)


@row_softmax_kernel.wrong("the row maximum was not subtracted: exp of a score above 88 is inf, and inf / inf is NaN")
def no_maximum(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=column < n, other=float("-inf")).to(tl.float32)
    e = tl.exp(x)
    tl.store(out_ptr + at, e / tl.sum(e, 0), mask=column < n)


@row_softmax_kernel.wrong("the maximum was never below 0: a row of very negative scores becomes 0 / 0, which is NaN")
def clamped_maximum(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=column < n, other=float("-inf")).to(tl.float32)
    e = tl.exp(x - tl.maximum(tl.max(x, 0), 0.0))
    tl.store(out_ptr + at, e / tl.sum(e, 0), mask=column < n)


@row_softmax_kernel.wrong(
    "the maximum included the zeros of masked lanes: these lanes take part in tl.max, so load them as -inf"
)
def maximum_with_padding(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=column < n, other=0).to(tl.float32)
    e = tl.where(column < n, tl.exp(x - tl.max(x, 0)), 0.0)
    tl.store(out_ptr + at, e / tl.sum(e, 0), mask=column < n)


@row_softmax_kernel.wrong(
    "masked columns were set to -10,000: if all scores are lower, the padding gets the weight; use -inf"
)
def minus_ten_thousand(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=column < n, other=-10000.0).to(tl.float32)
    e = tl.exp(x - tl.max(x, 0))
    tl.store(out_ptr + at, e / tl.sum(e, 0), mask=column < n)


@row_softmax_kernel.wrong("the result was not divided by the sum: the weights of a row must add up to 1")
def not_divided(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=column < n, other=float("-inf")).to(tl.float32)
    tl.store(out_ptr + at, tl.exp(x - tl.max(x, 0)), mask=column < n)


@row_softmax_kernel.wrong("exp2 without the factor log2 e: powers of 2 give a different, flatter softmax")
def powers_of_two(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=column < n, other=float("-inf")).to(tl.float32)
    e = tl.exp2(x - tl.max(x, 0))
    tl.store(out_ptr + at, e / tl.sum(e, 0), mask=column < n)


@row_softmax_kernel.wrong("rows were taken to be BLOCK elements long: row r starts at element r * n")
def row_of_block(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * BLOCK + column
    x = tl.load(x_ptr + at, mask=column < n, other=float("-inf")).to(tl.float32)
    e = tl.exp(x - tl.max(x, 0))
    tl.store(out_ptr + at, e / tl.sum(e, 0), mask=column < n)


@row_softmax_kernel.wrong("there was no mask: the kernel reads and writes past the end of the row, in the next row")
def no_mask(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    at = tl.program_id(0) * n + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + at).to(tl.float32)
    e = tl.exp(x - tl.max(x, 0))
    tl.store(out_ptr + at, e / tl.sum(e, 0))


@row_softmax_kernel.wrong("the row was loaded twice, once for the maximum and once for exp: keep it in registers")
def loaded_twice(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + column
    top = tl.max(tl.load(x_ptr + at, mask=column < n, other=float("-inf")).to(tl.float32), 0)
    e = tl.exp(tl.load(x_ptr + at, mask=column < n, other=float("-inf")).to(tl.float32) - top)
    tl.store(out_ptr + at, e / tl.sum(e, 0), mask=column < n)


@row_softmax_kernel.wrong("the difference was rounded to fp16 before exp: subtract and continue in float32")
def half_inside(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=column < n, other=float("-inf")).to(tl.float32)
    e = tl.exp((x - tl.max(x, 0)).to(tl.float16).to(tl.float32))
    tl.store(out_ptr + at, e / tl.sum(e, 0), mask=column < n)


@row_softmax_kernel.wrong(
    "the store had no mask: it writes past the end of the row and overwrites the next row or other memory"
)
def unmasked_store(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=column < n, other=float("-inf")).to(tl.float32)
    e = tl.exp(x - tl.max(x, 0))
    tl.store(out_ptr + at, e / tl.sum(e, 0))


@row_softmax_kernel.right("loaded without `other`, then hidden with tl.where")
def hidden_undefined(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=column < n).to(tl.float32)
    x = tl.where(column < n, x, float("-inf"))
    e = tl.exp(x - tl.max(x, 0))
    tl.store(out_ptr + at, e / tl.sum(e, 0), mask=column < n)


@row_softmax_kernel.wrong(
    "masked columns were loaded without `other`: they may hold anything, and tl.max uses them; give float('-inf')"
)
def no_other(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=column < n).to(tl.float32)
    e = tl.exp(x - tl.max(x, 0))
    tl.store(out_ptr + at, e / tl.sum(e, 0), mask=column < n)


@row_softmax_kernel.wrong("the kernel always used 1,024 columns, not BLOCK: a longer row is cut off")
def fixed_block(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, 1024)
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=column < n, other=float("-inf")).to(tl.float32)
    e = tl.exp(x - tl.max(x, 0))
    tl.store(out_ptr + at, e / tl.sum(e, 0), mask=column < n)


@row_softmax_kernel.right("methods of tiles")
def methods(x_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    column = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + column
    x = tl.load(x_ptr + at, mask=column < n, other=float("-inf")).to(tl.float32)
    e = (x - x.max(axis=0)).exp()
    tl.store(out_ptr + at, e / e.sum(axis=0), mask=column < n)
