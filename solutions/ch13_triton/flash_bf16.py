"""Where each precision belongs

bf16 has the range of float32 and 8 bits of precision. Attention uses it for stored tensors and for the inputs of the
tensor cores. Scores, exponentials and sums stay in float32.
"""

import triton
import triton.language as tl

# On an H100 tl.dot must become wgmma, which takes 64 rows (BLOCK_M) and 4 warps, or a multiple of these.
CONFIG = {"BLOCK_M": 128, "BLOCK_N": 64, "num_warps": 8, "num_stages": 3}
# A GPU may try these instead, and takes the fastest. Each must be right.
TUNE = [{"BLOCK_N": 128, "num_stages": 2}, {"BLOCK_N": 128}, {"BLOCK_M": 64, "num_warps": 4}]


@triton.jit
def bf16_kernel(
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
    """flash_forward in bf16: all tensors are bf16, and tl.dot gets only bf16 tiles.

    The loads are given. `q` is (BLOCK_M, D), `k` is (D, BLOCK_N), `v` is (BLOCK_N, D). Write the rest of a step:
    scores, maximum, weights, sum and `acc`. tl.dot takes bf16 tiles and returns a float32 tile. Products of two bf16
    numbers are exact in float32. Round only two things to bf16: the weights for the second tl.dot, and the result, at
    the store. Any other arithmetic on bf16 tiles would round after every step, so convert with .to(tl.float32) first.
    With the scores [0, ln 3] and the values 0 and 4, the result is 3.
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
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + keys[None, :] * D + dims[:, None], mask=keys[None, :] < m, other=0)
        v = tl.load(v_ptr + keys[:, None] * D + dims[None, :], mask=keys[:, None] < m, other=0)
        ### BEGIN SOLUTION
        scores = tl.dot(q, k) * (scale * 1.4426950408889634)  # exp2 costs a multiplication less: log2 e is in the scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        rescale = tl.exp2(row_max - new_max)
        p = tl.exp2(scores - new_max[:, None])
        row_sum = row_sum * rescale + tl.sum(p, axis=1)
        acc = acc * rescale[:, None] + tl.dot(p.to(v.dtype), v)
        row_max = new_max
        ### END SOLUTION
    out = acc / row_sum[:, None]
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)
