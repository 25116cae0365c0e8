from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from reference import Example, Moves, lowp, oracle, unwritten
from reference.baselines import attention_work, einsum, fused, sdpa
from reference.launching import cdiv

if TYPE_CHECKING:
    import triton.language as tl  # the kernels below are read as text, never run


@oracle
def three_ways(q: Tensor, k: Tensor, v: Tensor) -> dict[str, Tensor]:
    scores = torch.einsum("hqd,hkd->hqk", q, k) / q.shape[-1] ** 0.5
    e = torch.exp(scores - scores.amax(-1, keepdim=True))
    weights = e / e.sum(-1, keepdim=True)
    out = torch.einsum("hqk,hkd->hqd", lowp(weights), v)
    return {"loops": torch.einsum("hqk,hkd->hqd", weights, v), "einsum": out, "blocks": out}


@three_ways.launcher
def launch(kernels: Any, config: Mapping[str, Any], q: Tensor, k: Tensor, v: Tensor) -> dict[str, Tensor]:
    """One program for each query, then torch, then one program for each block of queries."""
    (heads, n, d), m = q.shape, k.shape[1]
    loops, blocks = unwritten(heads, n, d, dtype=q.dtype), unwritten(heads, n, d, dtype=q.dtype)
    q, k, v, scale = q.contiguous(), k.contiguous(), v.contiguous(), d**-0.5
    options = {name: value for name, value in config.items() if not name.startswith("BLOCK")}
    kernels.loops_kernel[(n, heads)](q, k, v, loops, n, m, scale, D=d, **options)
    grid = (cdiv(n, config["BLOCK_M"]), heads)
    kernels.blocks_kernel[grid](q, k, v, blocks, n, m, scale, D=d, **config)
    weights = (torch.einsum("hqd,hkd->hqk", q.float(), k.float()) * scale).softmax(-1)
    return {"loops": loops, "einsum": torch.einsum("hqk,hkd->hqd", weights, v.float()).to(q.dtype), "blocks": blocks}


@three_ways.example
def example(config: Mapping[str, Any]) -> Example:
    """One head with two blocks of queries and two blocks of keys. The last block of each is half full."""
    n, m = config["BLOCK_M"] * 3 // 2, config["BLOCK_N"] * 3 // 2
    k = torch.ones(1, m, 32, dtype=torch.float16)
    return Example((torch.ones(1, n, 32, dtype=torch.float16), k, k.clone()))


@three_ways.traffic
def moves(config: Mapping[str, Any], q: Tensor, k: Tensor, v: Tensor) -> Moves:
    """In loops every query reads all keys. In blocks every block of queries does. Blocks multiply whole tiles."""
    (heads, n, d), m = q.shape, k.shape[1]
    blocks, steps = cdiv(n, config["BLOCK_M"]), cdiv(m, config["BLOCK_N"])
    loads = {"queries_ptr": q.nbytes, "keys_ptr": k.nbytes * n, "values_ptr": v.nbytes * n}
    loads |= {"q_ptr": q.nbytes, "k_ptr": k.nbytes * blocks, "v_ptr": v.nbytes * blocks}
    flops = 4 * heads * blocks * config["BLOCK_M"] * steps * config["BLOCK_N"] * d
    return Moves(loads, {"loops_ptr": q.nbytes, "blocks_ptr": q.nbytes}, flops)


three_ways.least(attention_work)


@three_ways.baseline("einsum")
def tables(q: Tensor, k: Tensor, v: Tensor) -> dict[str, Tensor]:
    return dict.fromkeys(("loops", "einsum", "blocks"), einsum(q, k, v))


def fused_alike(q: Tensor, k: Tensor, v: Tensor) -> dict[str, Tensor]:
    return dict.fromkeys(("loops", "einsum", "blocks"), sdpa(q, k, v))


fused(three_ways, fused_alike)


@three_ways.right(
    "the query multiplied by the scale; the new weight computed before the old ones are rescaled",
    replaces="loops_kernel",
)
def two_loops_in_registers(
    queries_ptr: Any,
    keys_ptr: Any,
    values_ptr: Any,
    loops_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
) -> None:
    row, head, dims = tl.program_id(0), tl.program_id(1), tl.arange(0, D)
    q = tl.load(queries_ptr + (head * n + row) * D + dims).to(tl.float32) * scale
    row_max = float("-inf")
    row_sum = 0.0
    acc = tl.zeros((D,), tl.float32)
    for key in range(m):
        k = tl.load(keys_ptr + (head * m + key) * D + dims).to(tl.float32)
        v = tl.load(values_ptr + (head * m + key) * D + dims).to(tl.float32)
        score = tl.sum(q * k, axis=0) * 1.0
        new_max = tl.maximum(row_max, score)
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(score - new_max)
        row_sum = row_sum * rescale + p
        acc = acc * rescale + p * v
        row_max = new_max
    tl.store(loops_ptr + (head * n + row) * D + dims, acc / row_sum)


@three_ways.right("other block sizes", replaces="blocks_kernel", BLOCK_M=64, BLOCK_N=32, num_warps=4)
def smaller_blocks(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    blocks_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    head = tl.program_id(1)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    dims = tl.arange(0, D)
    k_ptr += head * m * D
    v_ptr += head * m * D
    q = tl.load(q_ptr + head * n * D + rows * D + dims[None, :], mask=rows < n, other=0)
    row_max = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(blocks_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@three_ways.wrong("loops: there was no running maximum: exp of a score above 88 is inf", replaces="loops_kernel")
def loops_without_maximum(
    queries_ptr: Any,
    keys_ptr: Any,
    values_ptr: Any,
    loops_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
) -> None:
    row, head, dims = tl.program_id(0), tl.program_id(1), tl.arange(0, D)
    q = tl.load(queries_ptr + (head * n + row) * D + dims).to(tl.float32)
    row_max = float("-inf")
    row_sum = 0.0
    acc = tl.zeros((D,), tl.float32)
    for key in range(m):
        k = tl.load(keys_ptr + (head * m + key) * D + dims).to(tl.float32)
        v = tl.load(values_ptr + (head * m + key) * D + dims).to(tl.float32)
        score = tl.sum(q * k, axis=0) * scale
        new_max = 0.0
        rescale = 1.0
        p = tl.exp(score - new_max)
        row_sum = row_sum * rescale + p
        acc = acc * rescale + p * v
        row_max = new_max
    tl.store(loops_ptr + (head * n + row) * D + dims, acc / row_sum)


@three_ways.wrong(
    "loops: the accumulator was not rescaled when a larger score came: it is still relative to the old maximum",
    replaces="loops_kernel",
)
def loops_not_rescaled(
    queries_ptr: Any,
    keys_ptr: Any,
    values_ptr: Any,
    loops_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
) -> None:
    row, head, dims = tl.program_id(0), tl.program_id(1), tl.arange(0, D)
    q = tl.load(queries_ptr + (head * n + row) * D + dims).to(tl.float32)
    row_max = float("-inf")
    row_sum = 0.0
    acc = tl.zeros((D,), tl.float32)
    for key in range(m):
        k = tl.load(keys_ptr + (head * m + key) * D + dims).to(tl.float32)
        v = tl.load(values_ptr + (head * m + key) * D + dims).to(tl.float32)
        score = tl.sum(q * k, axis=0) * scale
        new_max = tl.maximum(row_max, score)
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(score - new_max)
        row_sum = row_sum * rescale + p
        acc = acc + p * v
        row_max = new_max
    tl.store(loops_ptr + (head * n + row) * D + dims, acc / row_sum)


@three_ways.wrong(
    "loops: the sum was not rescaled when a larger score came: it is still relative to the old maximum",
    replaces="loops_kernel",
)
def loops_sum_not_rescaled(
    queries_ptr: Any,
    keys_ptr: Any,
    values_ptr: Any,
    loops_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
) -> None:
    row, head, dims = tl.program_id(0), tl.program_id(1), tl.arange(0, D)
    q = tl.load(queries_ptr + (head * n + row) * D + dims).to(tl.float32)
    row_max = float("-inf")
    row_sum = 0.0
    acc = tl.zeros((D,), tl.float32)
    for key in range(m):
        k = tl.load(keys_ptr + (head * m + key) * D + dims).to(tl.float32)
        v = tl.load(values_ptr + (head * m + key) * D + dims).to(tl.float32)
        score = tl.sum(q * k, axis=0) * scale
        new_max = tl.maximum(row_max, score)
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(score - new_max)
        row_sum = row_sum + p
        acc = acc * rescale + p * v
        row_max = new_max
    tl.store(loops_ptr + (head * n + row) * D + dims, acc / row_sum)


@three_ways.wrong("loops: every head read the keys of the first head: add head * m", replaces="loops_kernel")
def loops_first_head(
    queries_ptr: Any,
    keys_ptr: Any,
    values_ptr: Any,
    loops_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
) -> None:
    row, head, dims = tl.program_id(0), tl.program_id(1), tl.arange(0, D)
    q = tl.load(queries_ptr + (head * n + row) * D + dims).to(tl.float32)
    row_max = float("-inf")
    row_sum = 0.0
    acc = tl.zeros((D,), tl.float32)
    for key in range(m):
        k = tl.load(keys_ptr + key * D + dims).to(tl.float32)
        v = tl.load(values_ptr + key * D + dims).to(tl.float32)
        score = tl.sum(q * k, axis=0) * scale
        new_max = tl.maximum(row_max, score)
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(score - new_max)
        row_sum = row_sum * rescale + p
        acc = acc * rescale + p * v
        row_max = new_max
    tl.store(loops_ptr + (head * n + row) * D + dims, acc / row_sum)


@three_ways.wrong("loops: the last key was left out: range(m) already ends with m - 1", replaces="loops_kernel")
def loops_last_key_left_out(
    queries_ptr: Any,
    keys_ptr: Any,
    values_ptr: Any,
    loops_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
) -> None:
    row, head, dims = tl.program_id(0), tl.program_id(1), tl.arange(0, D)
    q = tl.load(queries_ptr + (head * n + row) * D + dims).to(tl.float32)
    row_max = float("-inf")
    row_sum = 0.0
    acc = tl.zeros((D,), tl.float32)
    for key in range(m - 1):
        k = tl.load(keys_ptr + (head * m + key) * D + dims).to(tl.float32)
        v = tl.load(values_ptr + (head * m + key) * D + dims).to(tl.float32)
        score = tl.sum(q * k, axis=0) * scale
        new_max = tl.maximum(row_max, score)
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(score - new_max)
        row_sum = row_sum * rescale + p
        acc = acc * rescale + p * v
        row_max = new_max
    tl.store(loops_ptr + (head * n + row) * D + dims, acc / row_sum)


@three_ways.wrong("loops: the key was loaded twice in a step: use the loaded key again", replaces="loops_kernel")
def loops_keys_read_twice(
    queries_ptr: Any,
    keys_ptr: Any,
    values_ptr: Any,
    loops_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
) -> None:
    row, head, dims = tl.program_id(0), tl.program_id(1), tl.arange(0, D)
    q = tl.load(queries_ptr + (head * n + row) * D + dims).to(tl.float32)
    row_max = float("-inf")
    row_sum = 0.0
    acc = tl.zeros((D,), tl.float32)
    for key in range(m):
        k = tl.load(keys_ptr + (head * m + key) * D + dims).to(tl.float32)
        v = tl.load(values_ptr + (head * m + key) * D + dims).to(tl.float32)
        k = tl.load(keys_ptr + (head * m + key) * D + dims).to(tl.float32)
        score = tl.sum(q * k, axis=0) * scale
        new_max = tl.maximum(row_max, score)
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(score - new_max)
        row_sum = row_sum * rescale + p
        acc = acc * rescale + p * v
        row_max = new_max
    tl.store(loops_ptr + (head * n + row) * D + dims, acc / row_sum)


@three_ways.wrong("loops: the scores were not multiplied by scale", replaces="loops_kernel")
def loops_without_scale(
    queries_ptr: Any,
    keys_ptr: Any,
    values_ptr: Any,
    loops_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
) -> None:
    row, head, dims = tl.program_id(0), tl.program_id(1), tl.arange(0, D)
    q = tl.load(queries_ptr + (head * n + row) * D + dims).to(tl.float32)
    row_max = float("-inf")
    row_sum = 0.0
    acc = tl.zeros((D,), tl.float32)
    for key in range(m):
        k = tl.load(keys_ptr + (head * m + key) * D + dims).to(tl.float32)
        v = tl.load(values_ptr + (head * m + key) * D + dims).to(tl.float32)
        score = tl.sum(q * k, axis=0)
        new_max = tl.maximum(row_max, score)
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(score - new_max)
        row_sum = row_sum * rescale + p
        acc = acc * rescale + p * v
        row_max = new_max
    tl.store(loops_ptr + (head * n + row) * D + dims, acc / row_sum)


@three_ways.wrong("blocks: there was no running maximum: exp of a score above 88 is inf", replaces="blocks_kernel")
def blocks_without_maximum(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    blocks_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    head = tl.program_id(1)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    dims = tl.arange(0, D)
    k_ptr += head * m * D
    v_ptr += head * m * D
    q = tl.load(q_ptr + head * n * D + rows * D + dims[None, :], mask=rows < n, other=0)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        new_max = tl.zeros((BLOCK_M,), tl.float32)
        p = tl.exp(scores - new_max[:, None])
        row_sum = row_sum + tl.sum(p, axis=1)
        acc = acc + tl.dot(p.to(v.dtype), v, input_precision="ieee")
    out = acc / row_sum[:, None]
    tl.store(blocks_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@three_ways.wrong(
    "blocks: the accumulator was not rescaled when a larger maximum came: it is still relative to the old maximum",
    replaces="blocks_kernel",
)
def blocks_not_rescaled(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    blocks_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    head = tl.program_id(1)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    dims = tl.arange(0, D)
    k_ptr += head * m * D
    v_ptr += head * m * D
    q = tl.load(q_ptr + head * n * D + rows * D + dims[None, :], mask=rows < n, other=0)
    row_max = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(blocks_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@three_ways.wrong(
    "blocks: keys past the end had the score 0 and got weight: set their scores to -inf before the maximum",
    replaces="blocks_kernel",
)
def blocks_padding_scores_zero(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    blocks_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    head = tl.program_id(1)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    dims = tl.arange(0, D)
    k_ptr += head * m * D
    v_ptr += head * m * D
    q = tl.load(q_ptr + head * n * D + rows * D + dims[None, :], mask=rows < n, other=0)
    row_max = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * scale
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(blocks_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@three_ways.wrong(
    "blocks: the last, partial block of keys was left out: loop to m and mask the keys past the end",
    replaces="blocks_kernel",
)
def blocks_tail_dropped(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    blocks_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    head = tl.program_id(1)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    dims = tl.arange(0, D)
    k_ptr += head * m * D
    v_ptr += head * m * D
    q = tl.load(q_ptr + head * n * D + rows * D + dims[None, :], mask=rows < n, other=0)
    row_max = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    for start in range(0, m - m % BLOCK_N, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(blocks_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@three_ways.wrong("blocks: K was loaded twice in each step: use the loaded tile again", replaces="blocks_kernel")
def blocks_keys_read_twice(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    blocks_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    head = tl.program_id(1)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    dims = tl.arange(0, D)
    k_ptr += head * m * D
    v_ptr += head * m * D
    q = tl.load(q_ptr + head * n * D + rows * D + dims[None, :], mask=rows < n, other=0)
    row_max = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(blocks_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@three_ways.wrong(
    "blocks: K was read in two passes, one for the maximum and one for the sum: with rescaling one pass is enough",
    replaces="blocks_kernel",
)
def blocks_two_passes(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    blocks_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    head = tl.program_id(1)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    dims = tl.arange(0, D)
    k_ptr += head * m * D
    v_ptr += head * m * D
    q = tl.load(q_ptr + head * n * D + rows * D + dims[None, :], mask=rows < n, other=0)
    row_max = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        scores = tl.where(keys[None, :] < m, tl.dot(q, k, input_precision="ieee") * scale, float("-inf"))
        row_max = tl.maximum(row_max, tl.max(scores, axis=1))
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(blocks_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@three_ways.wrong(
    "blocks: the running sum was not rescaled when a larger maximum came: it is still relative to the old maximum",
    replaces="blocks_kernel",
)
def blocks_sum_not_rescaled(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    blocks_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    head = tl.program_id(1)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    dims = tl.arange(0, D)
    k_ptr += head * m * D
    v_ptr += head * m * D
    q = tl.load(q_ptr + head * n * D + rows * D + dims[None, :], mask=rows < n, other=0)
    row_max = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(scores - new_max[:, None])
        row_sum = row_sum + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(blocks_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@three_ways.wrong(
    "blocks: keys past the end had the score -10,000: if all real scores are lower, these keys get the weight; "
    "use -inf",
    replaces="blocks_kernel",
)
def blocks_minus_ten_thousand(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    blocks_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    head = tl.program_id(1)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    dims = tl.arange(0, D)
    k_ptr += head * m * D
    v_ptr += head * m * D
    q = tl.load(q_ptr + head * n * D + rows * D + dims[None, :], mask=rows < n, other=0)
    row_max = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, -1e4)
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(blocks_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@three_ways.right("Python's max of two numbers", replaces="loops_kernel")
def python_max(
    queries_ptr: Any,
    keys_ptr: Any,
    values_ptr: Any,
    loops_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
) -> None:
    row, head, dims = tl.program_id(0), tl.program_id(1), tl.arange(0, D)
    q = tl.load(queries_ptr + (head * n + row) * D + dims).to(tl.float32)
    row_max = float("-inf")
    row_sum = 0.0
    acc = tl.zeros((D,), tl.float32)
    for key in range(m):
        k = tl.load(keys_ptr + (head * m + key) * D + dims).to(tl.float32)
        v = tl.load(values_ptr + (head * m + key) * D + dims).to(tl.float32)
        score = tl.sum(q * k, axis=0) * scale
        new_max = max(row_max, score)
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(score - new_max)
        row_sum = row_sum * rescale + p
        acc = acc * rescale + p * v
        row_max = new_max
    tl.store(loops_ptr + (head * n + row) * D + dims, acc / row_sum)


@three_ways.wrong(
    "loops: the sum started as the integer 0 and became a float in the loop: start with 0.0", replaces="loops_kernel"
)
def loops_sum_from_int(
    queries_ptr: Any,
    keys_ptr: Any,
    values_ptr: Any,
    loops_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
) -> None:
    row, head, dims = tl.program_id(0), tl.program_id(1), tl.arange(0, D)
    q = tl.load(queries_ptr + (head * n + row) * D + dims).to(tl.float32)
    row_max = float("-inf")
    row_sum = 0
    acc = tl.zeros((D,), tl.float32)
    for key in range(m):
        k = tl.load(keys_ptr + (head * m + key) * D + dims).to(tl.float32)
        v = tl.load(values_ptr + (head * m + key) * D + dims).to(tl.float32)
        score = tl.sum(q * k, axis=0) * scale
        new_max = tl.maximum(row_max, score)
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(score - new_max)
        row_sum = row_sum * rescale + p
        acc = acc * rescale + p * v
        row_max = new_max
    tl.store(loops_ptr + (head * n + row) * D + dims, acc / row_sum)


@three_ways.wrong(
    "loops: the kernel computed in the dtype of the inputs, which rounds after every step: convert with "
    ".to(tl.float32)",
    replaces="loops_kernel",
)
def loops_in_the_dtype_of_the_inputs(
    queries_ptr: Any,
    keys_ptr: Any,
    values_ptr: Any,
    loops_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
) -> None:
    row, head, dims = tl.program_id(0), tl.program_id(1), tl.arange(0, D)
    q = tl.load(queries_ptr + (head * n + row) * D + dims)
    row_max = float("-inf")
    row_sum = 0.0
    acc = tl.zeros((D,), tl.float32)
    for key in range(m):
        k = tl.load(keys_ptr + (head * m + key) * D + dims)
        v = tl.load(values_ptr + (head * m + key) * D + dims)
        score = tl.sum(q * k, axis=0) * scale
        new_max = tl.maximum(row_max, score)
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(score - new_max)
        row_sum = row_sum * rescale + p
        acc = acc * rescale + p * v
        row_max = new_max
    tl.store(loops_ptr + (head * n + row) * D + dims, acc / row_sum)


@three_ways.wrong(
    'blocks: float32 tiles were multiplied in tf32, which has 10 bits of fraction: give tl.dot input_precision="ieee"',
    replaces="blocks_kernel",
)
def blocks_in_tf32(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    blocks_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    head = tl.program_id(1)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    dims = tl.arange(0, D)
    k_ptr += head * m * D
    v_ptr += head * m * D
    q = tl.load(q_ptr + head * n * D + rows * D + dims[None, :], mask=rows < n, other=0)
    row_max = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k) * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v)
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(blocks_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@three_ways.wrong(
    "blocks: masked values were loaded without `other`, so they may be NaN, and 0 · NaN is NaN: give other=0",
    replaces="blocks_kernel",
)
def blocks_values_without_other(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    blocks_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    head = tl.program_id(1)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    dims = tl.arange(0, D)
    k_ptr += head * m * D
    v_ptr += head * m * D
    q = tl.load(q_ptr + head * n * D + rows * D + dims[None, :], mask=rows < n, other=0)
    row_max = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m)
        scores = tl.dot(q, k, input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(blocks_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@three_ways.wrong(
    "blocks: the kernel always used blocks of 64 keys: with another BLOCK_N in CONFIG, keys are left out",
    replaces="blocks_kernel",
)
def blocks_fixed_keys(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    blocks_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    head = tl.program_id(1)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    dims = tl.arange(0, D)
    k_ptr += head * m * D
    v_ptr += head * m * D
    q = tl.load(q_ptr + head * n * D + rows * D + dims[None, :], mask=rows < n, other=0)
    row_max = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, 64)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp(row_max - new_max)
        p = tl.exp(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(blocks_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)
