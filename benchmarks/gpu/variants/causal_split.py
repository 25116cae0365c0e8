"""flash_causal, the diagonal apart

Blocks that all rows see need no mask. Long rows start first: blocks of queries go from the last to the first.
"""

import triton
import triton.language as tl

CONFIG = {"BLOCK_M": 128, "BLOCK_N": 128, "num_warps": 8, "num_stages": 2}
TUNE = [{"num_stages": 3}, {"BLOCK_N": 64, "num_stages": 3}]


@triton.jit
def causal_kernel(
    q_ptr,
    k_ptr,
    v_ptr,
    out_ptr,
    n,
    m,
    scale,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    head = tl.program_id(1)
    block = tl.num_programs(0) - 1 - tl.program_id(0)
    end = tl.minimum(m, (block + 1) * BLOCK_M + m - n)
    clear = (block * BLOCK_M + m - n + 1) // BLOCK_N * BLOCK_N
    rows = block * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    dims = tl.arange(0, D)
    k_ptr += head * m * D
    v_ptr += head * m * D
    q = tl.load(q_ptr + head * n * D + rows * D + dims[None, :], mask=rows < n, other=0)
    row_max = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    log_scale = scale * 1.4426950408889634
    for start in range(0, clear, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None])
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :])
        scores = tl.dot(q, k, input_precision="ieee")
        new_max = tl.maximum(row_max, tl.max(scores, axis=1) * log_scale)
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores * log_scale - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = tl.dot(p.to(v.dtype), v, acc * rescale[:, None], input_precision="ieee")
        row_max = new_max
    for start in range(clear, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee")
        scores = tl.where((keys[None, :] <= rows + m - n) & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1) * log_scale)
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores * log_scale - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = tl.dot(p.to(v.dtype), v, acc * rescale[:, None], input_precision="ieee")
        row_max = new_max
    result = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], result, mask=rows < n)
