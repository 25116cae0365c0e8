"""KV heads found by index

With grouped queries, several query heads share one KV head. Repeating the keys in memory would use up the memory that
grouping saves. So the kernel computes which KV head to read. It reads from the cache itself, which has room after the
last key.
"""

import triton
import triton.language as tl

# On an H100 tl.dot must become wgmma, which takes 64 rows (BLOCK_M) and 4 warps, or a multiple of these.
CONFIG = {"BLOCK_M": 128, "BLOCK_N": 64, "num_warps": 8, "num_stages": 3}
# A GPU may try these instead, and takes the fastest. Each must be right.
TUNE = [{"BLOCK_N": 128, "num_stages": 2}, {"BLOCK_N": 128}, {"BLOCK_M": 64, "num_warps": 4}]


@triton.jit
def gqa_kernel(
    q_ptr,
    k_ptr,
    v_ptr,
    out_ptr,
    heads,
    group,
    n,
    m,
    kv_batch,
    kv_head,
    scale,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    """flash_forward for a batch in which `group` neighboring query heads share one KV head.

    q and out are (batch, heads, n, D), contiguous. K and V are (batch, heads // group, m, D) and are part of a cache.
    The rows of a head are contiguous. One head starts `kv_head` elements after the head before it, and one sequence
    `kv_batch` elements after the sequence before it. The program numbers are (block of queries, query head, sequence).

    Move k_ptr and v_ptr to the first element of the keys and values that this program needs. Set `at` to the position
    of element (batch, head, 0, 0) in q and out.
    With 4 query heads and group 2, heads 0 and 1 read KV head 0, and heads 2 and 3 read KV head 1.
    """
    raise NotImplementedError("your turn")
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    dims = tl.arange(0, D)
    q = tl.load(q_ptr + at + rows * D + dims[None, :], mask=rows < n, other=0)
    row_max = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, k, input_precision="ieee") * (scale * 1.4426950408889634)
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        row_max = new_max
    out = acc / row_sum[:, None]
    tl.store(out_ptr + at + rows * D + dims[None, :], out, mask=rows < n)
