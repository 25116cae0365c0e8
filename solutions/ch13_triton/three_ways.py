"""Three ways to the same answer

Attention in loops, as one einsum, and in blocks. All three compute the same numbers. The loops read every key again for
every query. The einsum writes a score matrix. The blocks do neither.
"""

import triton
import triton.language as tl

CONFIG = {"BLOCK_M": 128, "BLOCK_N": 64, "num_warps": 8, "num_stages": 3}
# A GPU may try these instead, and takes the fastest. Each must be right.
TUNE = [{"BLOCK_N": 128, "num_stages": 2}, {"BLOCK_M": 64, "num_warps": 4}]


@triton.jit
def loops_kernel(
    queries_ptr,
    keys_ptr,
    values_ptr,
    loops_ptr,
    n,
    m,
    scale,
    D: tl.constexpr,
):
    """Attention of one query, one key after the other. All tensors are (heads, length, D), contiguous, of one dtype.

    Write the loop over the m keys of this head, with a running maximum and a running sum. Compute in float32.
    """
    row, head, dims = tl.program_id(0), tl.program_id(1), tl.arange(0, D)
    q = tl.load(queries_ptr + (head * n + row) * D + dims).to(tl.float32)
    row_max = float("-inf")
    row_sum = 0.0
    acc = tl.zeros((D,), tl.float32)
    ### BEGIN SOLUTION
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
    ### END SOLUTION
    tl.store(loops_ptr + (head * n + row) * D + dims, acc / row_sum)


@triton.jit
def blocks_kernel(
    q_ptr,
    k_ptr,
    v_ptr,
    blocks_ptr,
    n,
    m,
    scale,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    """The same for blocks of BLOCK_M queries and BLOCK_N keys. Write flash_forward once more, without looking at it.

    Read K and V once for each block of queries. As in flash_forward, give tl.dot(x, y, input_precision="ieee") the
    tiles as they are loaded.
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
    ### END SOLUTION
    out = acc / row_sum[:, None]
    tl.store(blocks_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)
