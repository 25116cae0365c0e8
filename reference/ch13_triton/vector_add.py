from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from reference import Example, Work, oracle
from reference.launching import cdiv

if TYPE_CHECKING:
    import triton.language as tl  # the kernels below are read as text, never run


@oracle
def vector_add(x: Tensor, y: Tensor) -> Tensor:
    return x + y


@vector_add.launcher
def launch(kernels: Any, config: Mapping[str, Any], x: Tensor, y: Tensor) -> Tensor:
    """One program a block; the output starts as NaN (or the lowest integer), so that what nobody writes shows."""
    nothing = torch.nan if x.is_floating_point() else torch.iinfo(x.dtype).min
    out = torch.full(x.shape, nothing, dtype=x.dtype)
    n = x.numel()
    grid = (cdiv(n, config["BLOCK"]),)
    if n:
        kernels.vector_add_kernel[grid](x.contiguous(), y.contiguous(), out, n, **config)
    return out


@vector_add.example
def example(config: Mapping[str, Any]) -> Example:
    """Three blocks and a half."""
    x = torch.ones(3 * config["BLOCK"] + config["BLOCK"] // 2)
    return Example((x, x.clone()))


@vector_add.least
def least(x: Tensor, y: Tensor) -> Work:
    return Work(0, x.nbytes + y.nbytes)


vector_add.baseline("torch")(torch.add)


@vector_add.right("each load masked with its own comparison")
def two_masks(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    start = tl.program_id(0) * BLOCK
    lane = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + start + lane, mask=lane < n - start, other=0)
    y = tl.load(y_ptr + start + lane, mask=start + lane < n, other=0)
    tl.store(out_ptr + start + lane, x + y, mask=lane < n - start)


@vector_add.right("another block size", BLOCK=32)
def small_blocks(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) + tl.load(y_ptr + i, mask=i < n), mask=i < n)


@vector_add.wrong("the loads have no mask: the last block reads past the end")
def no_mask(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i) + tl.load(y_ptr + i))


@vector_add.wrong("the mask compares the lane with n: it must compare the element, the start of the block added")
def mask_of_lanes(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    lane = tl.arange(0, BLOCK)
    i = tl.program_id(0) * BLOCK + lane
    m = lane < n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.wrong("one element for each program: it handles BLOCK at once, its start + tl.arange(0, BLOCK)")
def one_element(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK
    tl.store(out_ptr + i, tl.load(x_ptr + i) + tl.load(y_ptr + i))


@vector_add.wrong("a pointer indexed like a list: it is a number, read with tl.load(x_ptr + i), written with tl.store")
def indexed(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK
    tl.store(out_ptr + i, x_ptr[i] + y_ptr[i])


@vector_add.wrong("tl.arange up to n: its size must be known when the kernel is compiled; take BLOCK, and a mask")
def arange_of_n(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, n)
    tl.store(out_ptr + i, tl.load(x_ptr + i) + tl.load(y_ptr + i))


@vector_add.wrong("the loads are masked and the store is not: it writes past the end")
def unmasked_store(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) + tl.load(y_ptr + i, mask=i < n))


@vector_add.wrong("the mask lets one element too many through: < n, not <= n")
def off_by_one(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i <= n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.wrong("the tail is left out: only whole blocks are written")
def drops_tail(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n - n % BLOCK
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.wrong(
    "every program starts at element 0: program p has the BLOCK elements from tl.program_id(0) * BLOCK on"
)
def first_block_only(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.arange(0, BLOCK)
    m = i < n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.wrong("blocks start at the program's number, not at its number times BLOCK: they overlap")
def overlapping(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) + tl.arange(0, BLOCK)
    m = i < n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.right("two comparisons joined by `and`")
def two_comparisons(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i >= 0 and i < n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.right("BLOCK under another name, as a constant")
def own_constant(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    size: tl.constexpr = BLOCK
    i = tl.program_id(0) * size + tl.arange(0, size)
    m = i < n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.wrong("blocks of 128, whatever BLOCK is: with another CONFIG elements are left out or added twice")
def fixed_block(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * 128 + tl.arange(0, 128)
    m = i < n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.wrong("tl.arange of a copy of BLOCK: a variable is a number of the running kernel; take BLOCK itself")
def copy_of_block(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    size = BLOCK
    i = tl.program_id(0) * size + tl.arange(0, size)
    m = i < n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.wrong("a Python `if` on a block would be one decision for all lanes: give the comparison as mask")
def if_of_a_block(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    if i < n:
        tl.store(out_ptr + i, tl.load(x_ptr + i) + tl.load(y_ptr + i))


@vector_add.wrong("offsets of 16 bits: beyond element 32,767 they wrap round to negative numbers")
def offsets_of_16_bits(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = (tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)).to(tl.int16)
    m = i < n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)
