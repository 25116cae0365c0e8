from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from reference import Example, Moves, Work, oracle, unwritten
from reference.launching import cdiv

if TYPE_CHECKING:
    import triton.language as tl  # the kernels below are read as text, never run


@oracle
def fused_scale_bias_relu(x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    return torch.relu(x * scale + bias)


@fused_scale_bias_relu.launcher
def launch(kernels: Any, config: Mapping[str, Any], x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """One program for each block of columns. It goes down all rows."""
    rows, n = x.shape
    out = unwritten(rows, n, dtype=x.dtype)
    grid = (cdiv(n, config["BLOCK"]),)
    if x.numel():
        kernels.fused_kernel[grid](x.contiguous(), scale, bias, out, rows, n, **config)
    return out


@fused_scale_bias_relu.example
def example(config: Mapping[str, Any]) -> Example:
    """Three rows of two and a half blocks."""
    columns = 2 * config["BLOCK"] + config["BLOCK"] // 2
    return Example((torch.ones(3, columns), torch.ones(columns), torch.ones(columns)))


@fused_scale_bias_relu.traffic
def moves(config: Mapping[str, Any], x: Tensor, scale: Tensor, bias: Tensor) -> Moves:
    return Moves({"x_ptr": x.nbytes, "scale_ptr": scale.nbytes, "bias_ptr": bias.nbytes}, {"out_ptr": x.nbytes})


@fused_scale_bias_relu.least
def least(x: Tensor, scale: Tensor, bias: Tensor) -> Work:
    return Work(0, x.nbytes + scale.nbytes + bias.nbytes)


@fused_scale_bias_relu.baseline("torch")
def three_operations(x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    return torch.relu(x * scale + bias)


@fused_scale_bias_relu.right("tl.where for the ReLU, a fused multiply-add, another order")
def where_and_fma(
    x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr
) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    bias = tl.load(bias_ptr + i, mask=m).to(tl.float32)
    scale = tl.load(scale_ptr + i, mask=m).to(tl.float32)
    for row in range(rows):
        y = tl.fma(tl.load(x_ptr + row * n + i, mask=m).to(tl.float32), scale, bias)
        tl.store(out_ptr + row * n + i, tl.where(y > 0, y, 0.0), mask=m)


@fused_scale_bias_relu.right("another block size", BLOCK=64)
def moving_pointer(
    x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr
) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    scale = tl.load(scale_ptr + i, mask=m).to(tl.float32)
    bias = tl.load(bias_ptr + i, mask=m).to(tl.float32)
    for _ in range(rows):
        y = tl.load(x_ptr + i, mask=m).to(tl.float32) * scale + bias
        tl.store(out_ptr + i, tl.maximum(y, 0.0), mask=m)
        x_ptr += n
        out_ptr += n


@fused_scale_bias_relu.wrong("scale and bias were loaded for every row: load them once, before the loop")
def reloads(x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    for row in range(rows):
        scale = tl.load(scale_ptr + i, mask=m).to(tl.float32)
        bias = tl.load(bias_ptr + i, mask=m).to(tl.float32)
        y = tl.load(x_ptr + row * n + i, mask=m).to(tl.float32) * scale + bias
        tl.store(out_ptr + row * n + i, tl.maximum(y, 0.0), mask=m)


@fused_scale_bias_relu.wrong("an intermediate result was stored and loaded again: keep it in registers")
def through_memory(
    x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr
) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    scale = tl.load(scale_ptr + i, mask=m).to(tl.float32)
    bias = tl.load(bias_ptr + i, mask=m).to(tl.float32)
    for row in range(rows):
        y = tl.load(x_ptr + row * n + i, mask=m).to(tl.float32) * scale + bias
        tl.store(out_ptr + row * n + i, y, mask=m)
    for row in range(rows):
        y = tl.load(out_ptr + row * n + i, mask=m).to(tl.float32)
        tl.store(out_ptr + row * n + i, tl.maximum(y, 0.0), mask=m)


@fused_scale_bias_relu.wrong("ReLU was applied before the bias: it must come last")
def relu_before_bias(
    x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr
) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    scale = tl.load(scale_ptr + i, mask=m).to(tl.float32)
    bias = tl.load(bias_ptr + i, mask=m).to(tl.float32)
    for row in range(rows):
        y = tl.load(x_ptr + row * n + i, mask=m).to(tl.float32) * scale
        tl.store(out_ptr + row * n + i, tl.maximum(y, 0.0) + bias, mask=m)


@fused_scale_bias_relu.wrong("the bias was scaled too: compute x * scale + bias, not (x + bias) * scale")
def bias_first(x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    scale = tl.load(scale_ptr + i, mask=m).to(tl.float32)
    bias = tl.load(bias_ptr + i, mask=m).to(tl.float32)
    for row in range(rows):
        y = (tl.load(x_ptr + row * n + i, mask=m).to(tl.float32) + bias) * scale
        tl.store(out_ptr + row * n + i, tl.maximum(y, 0.0), mask=m)


@fused_scale_bias_relu.wrong("ReLU was left out: negative values must become 0")
def no_relu(x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    scale = tl.load(scale_ptr + i, mask=m).to(tl.float32)
    bias = tl.load(bias_ptr + i, mask=m).to(tl.float32)
    for row in range(rows):
        y = tl.load(x_ptr + row * n + i, mask=m).to(tl.float32) * scale + bias
        tl.store(out_ptr + row * n + i, y, mask=m)


@fused_scale_bias_relu.wrong("only the first row was written: row r starts at element r * n")
def first_row_only(
    x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr
) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    y = tl.load(x_ptr + i, mask=m).to(tl.float32) * tl.load(scale_ptr + i, mask=m).to(tl.float32)
    y += tl.load(bias_ptr + i, mask=m).to(tl.float32)
    tl.store(out_ptr + i, tl.maximum(y, 0.0), mask=m)


@fused_scale_bias_relu.wrong("rows were taken to be BLOCK elements long: row r starts at element r * n")
def row_of_block(
    x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr
) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    scale = tl.load(scale_ptr + i, mask=m).to(tl.float32)
    bias = tl.load(bias_ptr + i, mask=m).to(tl.float32)
    for row in range(rows):
        y = tl.load(x_ptr + row * BLOCK + i, mask=m).to(tl.float32) * scale + bias
        tl.store(out_ptr + row * BLOCK + i, tl.maximum(y, 0.0), mask=m)


@fused_scale_bias_relu.wrong(
    "there was no mask: the kernel goes past the end of a row, into the next row or into other memory"
)
def no_mask(x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    scale = tl.load(scale_ptr + i).to(tl.float32)
    bias = tl.load(bias_ptr + i).to(tl.float32)
    for row in range(rows):
        y = tl.load(x_ptr + row * n + i).to(tl.float32) * scale + bias
        tl.store(out_ptr + row * n + i, tl.maximum(y, 0.0))


@fused_scale_bias_relu.wrong(
    "the store had no mask: it writes past the end of the row and overwrites the next row or other memory"
)
def unmasked_store(
    x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr
) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    scale = tl.load(scale_ptr + i, mask=m).to(tl.float32)
    bias = tl.load(bias_ptr + i, mask=m).to(tl.float32)
    for row in range(rows):
        y = tl.load(x_ptr + row * n + i, mask=m).to(tl.float32) * scale + bias
        tl.store(out_ptr + row * n + i, tl.maximum(y, 0.0))


@fused_scale_bias_relu.wrong(
    "the product was rounded to the dtype of x, and fp16 becomes inf above 65,504: compute in float32 and round once"
)
def in_half(x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    scale = tl.load(scale_ptr + i, mask=m)
    bias = tl.load(bias_ptr + i, mask=m)
    for row in range(rows):
        y = tl.load(x_ptr + row * n + i, mask=m) * scale + bias
        tl.store(out_ptr + row * n + i, tl.maximum(y, 0.0), mask=m)


@fused_scale_bias_relu.wrong("every block used the scale and bias of the first block: each column has its own")
def factors_of_first_block(
    x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr
) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    lane = tl.arange(0, BLOCK)
    scale = tl.load(scale_ptr + lane, mask=m).to(tl.float32)
    bias = tl.load(bias_ptr + lane, mask=m).to(tl.float32)
    for _ in range(rows):
        y = tl.load(x_ptr + i, mask=m).to(tl.float32) * scale + bias
        tl.store(out_ptr + i, tl.maximum(y, 0.0), mask=m)
        x_ptr += n
        out_ptr += n


@fused_scale_bias_relu.right("Python's max, which takes the larger of each pair")
def python_max(x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    scale = tl.load(scale_ptr + i, mask=m).to(tl.float32)
    bias = tl.load(bias_ptr + i, mask=m).to(tl.float32)
    for row in range(rows):
        y = tl.load(x_ptr + row * n + i, mask=m).to(tl.float32) * scale + bias
        tl.store(out_ptr + row * n + i, max(y, 0.0), mask=m)


@fused_scale_bias_relu.wrong(
    "every program computed the whole matrix: each program must write only its own BLOCK columns"
)
def every_program_writes_all(
    x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr
) -> None:
    for start in range(0, n, BLOCK):
        i = start + tl.arange(0, BLOCK)
        m = i < n
        scale = tl.load(scale_ptr + i, mask=m).to(tl.float32)
        bias = tl.load(bias_ptr + i, mask=m).to(tl.float32)
        for row in range(rows):
            y = tl.load(x_ptr + row * n + i, mask=m).to(tl.float32) * scale + bias
            tl.store(out_ptr + row * n + i, tl.maximum(y, 0.0), mask=m)


@fused_scale_bias_relu.wrong(
    "the kernel always used blocks of 128: with another BLOCK in CONFIG, columns are left out or computed twice"
)
def fixed_block(
    x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr
) -> None:
    i = tl.program_id(0) * 128 + tl.arange(0, 128)
    m = i < n
    scale = tl.load(scale_ptr + i, mask=m).to(tl.float32)
    bias = tl.load(bias_ptr + i, mask=m).to(tl.float32)
    for row in range(rows):
        y = tl.load(x_ptr + row * n + i, mask=m).to(tl.float32) * scale + bias
        tl.store(out_ptr + row * n + i, tl.maximum(y, 0.0), mask=m)


@fused_scale_bias_relu.wrong(
    "a Python `if` on a block makes one decision for all lanes: tl.maximum(y, 0.0) decides for each lane"
)
def if_of_a_block(
    x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr
) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    scale = tl.load(scale_ptr + i, mask=m).to(tl.float32)
    bias = tl.load(bias_ptr + i, mask=m).to(tl.float32)
    for row in range(rows):
        y = tl.load(x_ptr + row * n + i, mask=m).to(tl.float32) * scale + bias
        if y < 0:
            y = tl.zeros((BLOCK,), tl.float32)
        tl.store(out_ptr + row * n + i, y, mask=m)


@fused_scale_bias_relu.wrong(
    "each program took one row: programs are numbered by blocks of columns, and each goes down all rows"
)
def one_row_for_each_program(
    x_ptr: Any, scale_ptr: Any, bias_ptr: Any, out_ptr: Any, rows: Any, n: Any, BLOCK: tl.constexpr
) -> None:
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    m = i < n
    y = tl.load(x_ptr + row * n + i, mask=m).to(tl.float32) * tl.load(scale_ptr + i, mask=m).to(tl.float32)
    y += tl.load(bias_ptr + i, mask=m).to(tl.float32)
    tl.store(out_ptr + row * n + i, tl.maximum(y, 0.0), mask=m)
