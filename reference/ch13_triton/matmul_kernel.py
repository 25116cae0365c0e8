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
def matmul_kernel(a: Tensor, b: Tensor) -> Tensor:
    if a.element_size() == 1:  # torch multiplies no fp8 on a CPU
        return (a.float() @ b.float()).bfloat16()
    return a @ b


@matmul_kernel.launcher
def launch(kernels: Any, config: Mapping[str, Any], a: Tensor, b: Tensor) -> Tensor:
    """One program for each tile of the result, numbered in one dimension."""
    (m, k), n = a.shape, b.shape[1]
    out = unwritten(m, n, dtype=torch.bfloat16 if a.element_size() == 1 else a.dtype)
    grid = (cdiv(m, config["BLOCK_M"]) * cdiv(n, config["BLOCK_N"]),)
    if out.numel():
        kernels.matmul_tile[grid](a.contiguous(), b.contiguous(), out, m, n, k, **config)
    return out


@matmul_kernel.example
def example(config: Mapping[str, Any]) -> Example:
    """Three tiles down, four across, three steps, the last of each half full. A is left of the result, B above it."""
    m, n, k = (config[name] * size // 2 for name, size in (("BLOCK_M", 5), ("BLOCK_N", 7), ("BLOCK_K", 5)))
    inputs = torch.ones(m, k, dtype=torch.float16), torch.ones(k, n, dtype=torch.float16)
    return Example(inputs, layout=(("", "b_ptr"), ("a_ptr", "out_ptr")))


@matmul_kernel.traffic
def moves(config: Mapping[str, Any], a: Tensor, b: Tensor) -> Moves:
    (m, k), n = a.shape, b.shape[1]
    tall, wide = cdiv(m, config["BLOCK_M"]), cdiv(n, config["BLOCK_N"])
    deep = cdiv(k, config["BLOCK_K"]) * config["BLOCK_K"]
    loads = {"a_ptr": a.nbytes * wide, "b_ptr": b.nbytes * tall}
    flops = 2 * tall * config["BLOCK_M"] * wide * config["BLOCK_N"] * deep
    return Moves(loads, {"out_ptr": m * n * a.element_size()}, flops)


@matmul_kernel.least
def least(a: Tensor, b: Tensor) -> Work:
    return Work(2 * a.shape[0] * a.shape[1] * b.shape[1], a.nbytes + b.nbytes)


@matmul_kernel.baseline("torch")
def cublas(a: Tensor, b: Tensor) -> Tensor:
    return a @ b


def grouped(tile: Any, tall: Any, wide: Any, GROUP: Any) -> tuple[Any, Any]:
    """Stands for the kernel of this name that the exercise gives."""
    raise NotImplementedError


@matmul_kernel.right("pointers that move along K", replaces="matmul_tile")
def moving_pointers(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    inner = tl.arange(0, BLOCK_K)
    a_ptrs = a_ptr + rows * K + inner[None, :]
    b_ptrs = b_ptr + inner[:, None] * N + columns
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        a = tl.load(a_ptrs, mask=(rows < M) & (inner[None, :] < K - k), other=0.0)
        b = tl.load(b_ptrs, mask=(inner[:, None] < K - k) & (columns < N), other=0.0)
        total += tl.dot(a, b, input_precision="ieee")
        a_ptrs += BLOCK_K
        b_ptrs += BLOCK_K * N
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.right("other tiles, in plain order", replaces="matmul_tile", BLOCK_M=64, BLOCK_N=32, BLOCK_K=64)
def plain_order(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    wide = tl.cdiv(N, BLOCK_N)
    rows = tl.program_id(0) // wide * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tl.program_id(0) % wide * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    "the sum was kept in fp16: it loses low bits in every step and overflows above 65,504; use float32",
    replaces="matmul_tile",
)
def fp16_accumulator(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float16)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total += tl.dot(a, b, input_precision="ieee").to(tl.float16)
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    "each partial product was rounded to 16 bits before it was added: add in float32 and round once, at the end",
    replaces="matmul_tile",
)
def rounds_each_step(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total += tl.dot(a, b, input_precision="ieee").to(a.dtype).to(tl.float32)
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    "the sum was overwritten in every step: only the last BLOCK_K products remain, so add to it", replaces="matmul_tile"
)
def keeps_last_step(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    "the last, partial step along K was left out: use range(0, K, BLOCK_K) and a mask", replaces="matmul_tile"
)
def drops_last_step(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K - K % BLOCK_K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong("there was no mask along K: the last step reads the next row", replaces="matmul_tile")
def no_mask_along_k(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=rows < M, other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=columns < N, other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong("B was read as if it were transposed: element (k, n) is at k * N + n", replaces="matmul_tile")
def b_transposed(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + columns * K + inner[:, None], mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong("A was read with the stride of B: element (m, k) is at m * K + k", replaces="matmul_tile")
def a_by_columns(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(
            a_ptr + rows * N + inner[None, :], mask=(rows * N + inner[None, :] < M * K) & (inner[None, :] < K), other=0
        )
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong("the same BLOCK_K columns were read in every step: add k", replaces="matmul_tile")
def same_step_again(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for _ in range(0, K, BLOCK_K):
        inner = tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    "k counted steps, not elements, so the columns of two steps overlap: multiply k by BLOCK_K", replaces="matmul_tile"
)
def steps_for_elements(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(tl.cdiv(K, BLOCK_K)):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    "the store was not masked along N: past the end of a row it overwrites the next row", replaces="matmul_tile"
)
def unmasked_columns(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=rows < M)


@matmul_kernel.wrong(
    "the rows were not masked: the last tile reads and writes past the end of the matrices", replaces="matmul_tile"
)
def no_row_mask(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=inner[None, :] < K, other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=columns < N)


@matmul_kernel.wrong("A was loaded twice in each step: use the loaded tile again", replaces="matmul_tile")
def a_read_twice(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    "lanes past the end wrapped around to real rows (rows % M), which are read again: mask these lanes",
    replaces="matmul_tile",
)
def rows_wrap_round(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows % M * K + inner[None, :], mask=inner[None, :] < K, other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns % N, mask=inner[:, None] < K, other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    "the tiles were converted to float32 before tl.dot: 16-bit tensor cores cannot take them, and the sum is "
    "float32 anyway",
    replaces="matmul_tile",
)
def widened(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a.to(tl.float32), b.to(tl.float32), total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    "the tiles are too large for a program's registers: the accumulator is spilled to memory in every step",
    replaces="matmul_tile",
    BLOCK_M=256,
    BLOCK_N=256,
    BLOCK_K=32,
    num_warps=4,
    num_stages=2,
)
def spilling_tile(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    "the tiles have fewer than 64 rows: wgmma, the H100's tensor-core instruction, takes 64",
    replaces="matmul_tile",
    BLOCK_M=16,
)
def short_tile(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    "the rows of the result were taken to be M elements apart: element (m, n) is at m * N + n", replaces="matmul_tile"
)
def rows_m_apart(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * M + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    "masked lanes of A were loaded without `other`: they may hold anything, and tl.dot uses them; give other=0.0",
    replaces="matmul_tile",
)
def a_without_other(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K))
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    "masked lanes of B were loaded without `other`: they may hold anything, and tl.dot uses them; give other=0.0",
    replaces="matmul_tile",
)
def b_without_other(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N))
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    'float32 tiles were multiplied in tf32, which has 10 bits of fraction: give tl.dot input_precision="ieee"',
    replaces="matmul_tile",
)
def tf32(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, total)
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    "the sum started as the number 0 and became a tile: start with tl.zeros((BLOCK_M, BLOCK_N), tl.float32)",
    replaces="matmul_tile",
)
def total_from_a_number(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = 0
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total += tl.dot(a, b, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.wrong(
    "the kernel always used steps of 32 along K: with another BLOCK_K columns are left out", replaces="matmul_tile"
)
def fixed_steps(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, 32)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))


@matmul_kernel.right("masks combined with `and`", replaces="matmul_tile")
def joined_by_and(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    wide = tl.cdiv(N, BLOCK_N)
    rows = tl.program_id(0) // wide * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tl.program_id(0) % wide * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) and (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) and (columns < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=rows < M and columns < N)


@matmul_kernel.wrong("`other` was the int 0, and an int does not convert to fp8: write 0.0", replaces="matmul_tile")
def int_for_other(
    a_ptr: Any, b_ptr: Any, out_ptr: Any, M: Any, N: Any, K: Any,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
) -> None:  # fmt: skip
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))
