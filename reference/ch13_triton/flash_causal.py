from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from reference import Example, Moves, lowp, oracle, unwritten
from reference.baselines import causal_work, einsum_causal, fused, loops_causal, naive_causal, sdpa_causal
from reference.launching import cdiv

if TYPE_CHECKING:
    import triton.language as tl  # the kernels below are read as text, never run


@oracle
def flash_causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    n, m = q.shape[1], k.shape[1]
    if n > m:
        raise ValueError(f"{n} queries on {m} keys: the first query would see no key")
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    hidden = torch.arange(m) > torch.arange(n).unsqueeze(-1) + m - n
    scores = scores.masked_fill(hidden, -torch.inf)
    e = torch.exp(scores - scores.amax(-1, keepdim=True))
    return lowp(e / e.sum(-1, keepdim=True)) @ v


@flash_causal.launcher
def launch(kernels: Any, config: Mapping[str, Any], q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """One program for each block of queries of each head."""
    (heads, n, d), m = q.shape, k.shape[1]
    if n > m:
        raise ValueError(f"{n} queries on {m} keys: the first query would see no key")
    out = unwritten(heads, n, d, dtype=q.dtype)
    grid = (cdiv(n, config["BLOCK_M"]), heads)
    q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
    kernels.causal_kernel[grid](q, k, v, out, n, m, d**-0.5, D=d, **config)
    return out


@flash_causal.example
def example(config: Mapping[str, Any]) -> Example:
    """Two heads with four blocks of queries. One block of keys comes before them, and all queries see it."""
    n = config["BLOCK_M"] * 7 // 2
    m = n + config["BLOCK_N"]
    q, k = torch.ones(2, n, 32, dtype=torch.float16), torch.ones(2, m, 32, dtype=torch.float16)
    return Example((q, k, k.clone()), seen=torch.ones(n, m, dtype=torch.bool).tril(m - n))


@flash_causal.traffic
def moves(config: Mapping[str, Any], q: Tensor, k: Tensor, v: Tensor) -> Moves:
    """A block of queries reads the blocks of keys that its last query sees, and no later block."""
    (heads, n, d), m = q.shape, k.shape[1]
    tall, wide = config["BLOCK_M"], config["BLOCK_N"]
    ends = [min(m, start + tall + m - n) for start in range(0, n, tall)]
    visited = [cdiv(end, wide) * wide for end in ends]
    keys = heads * sum(min(m, v) for v in visited) * d * k.element_size()
    return Moves(
        {"q_ptr": q.nbytes, "k_ptr": keys, "v_ptr": keys}, {"out_ptr": q.nbytes}, 4 * heads * tall * sum(visited) * d
    )


flash_causal.least(causal_work)
flash_causal.baseline("naive")(naive_causal)
fused(flash_causal, sdpa_causal)
flash_causal.baseline("einsum")(einsum_causal)
flash_causal.baseline("loops")(loops_causal)


@flash_causal.right("the end computed from the last query of the block")
def last_row_of_the_block(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    last = tl.minimum((tl.program_id(0) + 1) * BLOCK_M, n) - 1
    end = last + m - n + 1
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] <= rows + m - n
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.right("other block sizes; the mask written as a difference", BLOCK_M=64, BLOCK_N=64, num_warps=4)
def smaller_blocks(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = tl.minimum(m, (tl.program_id(0) + 1) * BLOCK_M + m - n)
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = rows - keys[None, :] >= n - m
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong(
    "the loop also visited the blocks above the diagonal: stop at the last key that a query of this block sees"
)
def every_block(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = m
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] <= rows + m - n
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong(
    "the loop ran one block of queries too far: the last query of this block is (program + 1) · BLOCK_M − 1"
)
def one_block_more(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = tl.minimum(m, (tl.program_id(0) + 2) * BLOCK_M + m - n)
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] <= rows + m - n
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong(
    "the loop ended at the last key of the block's first query: the last query sees BLOCK_M − 1 more keys"
)
def end_of_first_query(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = tl.minimum(m, tl.program_id(0) * BLOCK_M + m - n + 1)
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] <= rows + m - n
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong("the end left out the m − n keys that come before the queries: every query sees them")
def end_without_offset(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = tl.minimum(m, (tl.program_id(0) + 1) * BLOCK_M)
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] <= rows + m - n
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong(
    "the diagonal started at the top left: with more keys than queries, query i sees the keys up to i + m − n"
)
def top_left(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = tl.minimum(m, (tl.program_id(0) + 1) * BLOCK_M)
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] <= rows
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong("a query did not see its own key: the mask must include the diagonal")
def not_itself(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = tl.minimum(m, (tl.program_id(0) + 1) * BLOCK_M + m - n)
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] < rows + m - n
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong("a query saw the key after its own: that key is in the future")
def one_too_many(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = tl.minimum(m, (tl.program_id(0) + 1) * BLOCK_M + m - n)
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] <= rows + m - n + 1
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong("the mask was reversed: a query saw only later keys")
def reversed_mask(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = m
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] >= rows + m - n
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong("every key of the visited blocks was seen: blocks on the diagonal need the mask")
def no_causal_mask(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = tl.minimum(m, (tl.program_id(0) + 1) * BLOCK_M + m - n)
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = (keys[None, :] < m) & (rows >= 0)
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong(
    "the queries were numbered from the start of their block: number them from the start of the sequence"
)
def rows_from_zero(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = tl.minimum(m, (tl.program_id(0) + 1) * BLOCK_M + m - n)
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] <= tl.arange(0, BLOCK_M)[:, None] + m - n
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong("the end was one too small: range excludes `end`, so `end` is the last key seen plus one")
def end_one_short(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = tl.minimum(m, (tl.program_id(0) + 1) * BLOCK_M + m - n - 1)
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] <= rows + m - n
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong(
    "the end went past m when the last block of queries was not full: the kernel then multiplies blocks without keys"
)
def end_past_the_keys(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = (tl.program_id(0) + 1) * BLOCK_M + m - n
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] <= rows + m - n
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong(
    "the offset of the diagonal had the wrong sign: query i sees the keys up to i + m − n, not i − m + n"
)
def offset_reversed(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = tl.minimum(m, (tl.program_id(0) + 1) * BLOCK_M + m - n)
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] <= rows - (m - n)
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.right("the two masks combined with `and`")
def joined_by_and(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = min(m, (tl.program_id(0) + 1) * BLOCK_M + m - n)
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] <= rows + m - n
        scores = tl.where(seen and (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong("the end was computed for blocks of 128 queries: use BLOCK_M, because CONFIG may change it")
def fixed_end(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = tl.minimum(m, (tl.program_id(0) + 1) * 128 + m - n)
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] <= rows + m - n
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong(
    "a Python `if` on a block makes one decision for all queries and keys: `seen` must be a tile of True and False"
)
def if_of_a_block(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = tl.minimum(m, (tl.program_id(0) + 1) * BLOCK_M + m - n)
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = False
        if keys[None, :] <= rows + m - n:
            seen = True
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)


@flash_causal.wrong("the end was rounded down to whole blocks of keys: the last block, on the diagonal, is left out")
def end_in_whole_blocks(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    out_ptr: Any,
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
    end = tl.minimum(m, (tl.program_id(0) + 1) * BLOCK_M + m - n) // BLOCK_N * BLOCK_N
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        seen = keys[None, :] <= rows + m - n
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)
