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
    """One program for each block. The output starts as NaN (or the lowest integer), so that unwritten elements show."""
    nothing = torch.nan if x.is_floating_point() else torch.iinfo(x.dtype).min
    out = torch.full(x.shape, nothing, dtype=x.dtype)
    n = x.numel()
    grid = (cdiv(n, config["BLOCK"]),)
    if n:
        kernels.vector_add_kernel[grid](x.contiguous(), y.contiguous(), out, n, **config)
    return out


@vector_add.example
def example(config: Mapping[str, Any]) -> Example:
    """Three and a half blocks."""
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


@vector_add.wrong("the loads had no mask: the last block reads past the end of the tensors")
def no_mask(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i) + tl.load(y_ptr + i))


@vector_add.wrong(
    "the mask compared the lane with n: it must compare the element, which is the start of the block plus the lane"
)
def mask_of_lanes(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    lane = tl.arange(0, BLOCK)
    i = tl.program_id(0) * BLOCK + lane
    m = lane < n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.wrong("each program handled one element: it must handle BLOCK elements, its start + tl.arange(0, BLOCK)")
def one_element(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK
    tl.store(out_ptr + i, tl.load(x_ptr + i) + tl.load(y_ptr + i))


@vector_add.wrong(
    "a pointer was indexed like a list: a pointer is an address; read with tl.load(x_ptr + i) and write with tl.store"
)
def indexed(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK
    tl.store(out_ptr + i, x_ptr[i] + y_ptr[i])


@vector_add.wrong("tl.arange was given n: its size must be known when the kernel is compiled, so use BLOCK and a mask")
def arange_of_n(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, n)
    tl.store(out_ptr + i, tl.load(x_ptr + i) + tl.load(y_ptr + i))


@vector_add.wrong("the loads were masked, but the store was not: it writes past the end of the tensor")
def unmasked_store(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) + tl.load(y_ptr + i, mask=i < n))


@vector_add.wrong("the mask allowed one element too many: use < n, not <= n")
def off_by_one(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i <= n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.wrong("the tail was left out: only whole blocks are written, so mask the last block instead")
def drops_tail(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n - n % BLOCK
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.wrong(
    "every program started at element 0: a program has the BLOCK elements from tl.program_id(0) * BLOCK on"
)
def first_block_only(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.arange(0, BLOCK)
    m = i < n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.wrong("each block started at the program's number instead of its number times BLOCK: the blocks overlap")
def overlapping(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) + tl.arange(0, BLOCK)
    m = i < n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.right("two comparisons combined with `and`")
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


@vector_add.wrong("the kernel always used blocks of 128: with another BLOCK, elements are left out or added twice")
def fixed_block(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * 128 + tl.arange(0, 128)
    m = i < n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.wrong("tl.arange got a copy of BLOCK: a variable is known only when the kernel runs, so use BLOCK itself")
def copy_of_block(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    size = BLOCK
    i = tl.program_id(0) * size + tl.arange(0, size)
    m = i < n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)


@vector_add.wrong("a Python `if` on a block makes one decision for all lanes: pass the comparison as the mask")
def if_of_a_block(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    if i < n:
        tl.store(out_ptr + i, tl.load(x_ptr + i) + tl.load(y_ptr + i))


@vector_add.wrong("the offsets had 16 bits: above element 32,767 they wrap around to negative numbers")
def offsets_of_16_bits(x_ptr: Any, y_ptr: Any, out_ptr: Any, n: Any, BLOCK: tl.constexpr) -> None:
    i = (tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)).to(tl.int16)
    m = i < n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=m) + tl.load(y_ptr + i, mask=m), mask=m)
