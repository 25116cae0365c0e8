"""Blocks that you can skip

A causal query sees no later key. A mask makes the answer right. Leaving out the blocks above the diagonal halves the
work. The diagonal ends at the bottom right: with m keys and n queries, the last query sees all keys.
"""

import triton
import triton.language as tl

# On an H100 tl.dot must become wgmma, which takes 64 rows (BLOCK_M) and 4 warps, or a multiple of these.
CONFIG = {"BLOCK_M": 128, "BLOCK_N": 64, "num_warps": 8, "num_stages": 3}
# A GPU may try these instead, and takes the fastest. Each must be right.
TUNE = [{"BLOCK_N": 128, "num_stages": 2}, {"BLOCK_N": 128}, {"BLOCK_M": 64, "num_warps": 4}]


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
    """The same as flash_forward, but query i sees only the keys up to i + m - n. n is at most m.

    Two expressions are missing.

    `end` is where the loop over the keys may stop. The queries of this program are the
    rows program · BLOCK_M to program · BLOCK_M + BLOCK_M - 1, and none of them sees a key at or after `end`. `end` is
    never more than m.

    `seen` is a boolean tile, (BLOCK_M, BLOCK_N) after broadcasting. It is true where the query of a
    row (`rows`, numbered in the whole sequence) sees the key of a column (`keys`).
    With n = 2 queries and m = 5 keys, query 0 sees the keys 0 to 3.
    """
    head = tl.program_id(1)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    dims = tl.arange(0, D)
    k_ptr += head * m * D
    v_ptr += head * m * D
    q = tl.load(q_ptr + head * n * D + rows * D + dims[None, :], mask=rows < n, other=0)
    row_max = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    ### BEGIN SOLUTION
    end = tl.minimum(m, (tl.program_id(0) + 1) * BLOCK_M + m - n)
    ### END SOLUTION
    for start in range(0, end, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        ### BEGIN SOLUTION
        seen = keys[None, :] <= rows + m - n
        ### END SOLUTION
        scores = tl.where(seen & (keys[None, :] < m), scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)
