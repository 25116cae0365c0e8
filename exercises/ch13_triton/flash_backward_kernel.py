"""Gradients without the weights

The forward pass keeps the log-sum-exp of every row and throws the weights away. The backward pass computes them again,
block by block, and needs one more number a row to undo the softmax.
"""

import triton
import triton.language as tl

# On an H100 tl.dot must become wgmma, which takes 64 rows (BLOCK_M) and 4 warps, or a multiple of these.
CONFIG = {"BLOCK_M": 64, "BLOCK_N": 64, "num_warps": 4, "num_stages": 2}
# A GPU may try these instead, and takes the fastest. Each must be right.
TUNE = [{"BLOCK_M": 128, "num_warps": 8}, {"num_stages": 3}]


@triton.jit
def dq_kernel(
    q_ptr,
    k_ptr,
    v_ptr,
    grad_ptr,
    lse_ptr,
    delta_ptr,
    dq_ptr,
    n,
    m,
    scale,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    """The gradient by the queries of one block. All inputs but lse and delta are (heads, length, D), of one dtype.

    The scores are those of the forward pass, q kᵀ · scale. Given: `lse`, the log-sum-exp of each of their
    rows, so p = exp(scores - lse) is the softmax with no maximum to look for, and `delta`, the row sum of grad · out.
    With dp = grad vᵀ, the gradient by the scores before the scale is ds = p · (dp - delta), and dq = ds k · scale.
    A key past the end is loaded as zeros, and its weight must be 0: its score of 0 may lie far above lse.
    Yours: add this block of keys to `dq`. ds goes into tl.dot as ds.to(k.dtype); tl.trans transposes a tile. As in
    flash_forward: tl.dot(x, y, input_precision="ieee").
    """
    head, dims = tl.program_id(1), tl.arange(0, D)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    at = head * n * D + rows[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + at, mask=rows[:, None] < n, other=0)
    grad = tl.load(grad_ptr + at, mask=rows[:, None] < n, other=0)
    lse = tl.load(lse_ptr + head * n + rows, mask=rows < n, other=0)
    delta = tl.load(delta_ptr + head * n + rows, mask=rows < n, other=0)
    dq = tl.zeros((BLOCK_M, D), tl.float32)
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        near = head * m * D + keys[:, None] * D + dims[None, :]
        k = tl.load(k_ptr + near, mask=keys[:, None] < m, other=0)
        v = tl.load(v_ptr + near, mask=keys[:, None] < m, other=0)
        raise NotImplementedError("your turn")
    tl.store(dq_ptr + at, dq, mask=rows[:, None] < n)


@triton.jit
def dkv_kernel(
    q_ptr,
    k_ptr,
    v_ptr,
    grad_ptr,
    lse_ptr,
    delta_ptr,
    dk_ptr,
    dv_ptr,
    n,
    m,
    scale,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    """The gradients by the keys and values of one block: dv = pᵀ grad and dk = dsᵀ q · scale, p and ds as above.

    Yours: add this block of queries to `dk` and `dv`. What lies past the end does no harm here: all that is loaded for
    such a query is 0, so it adds zeros, and the rows of dk and dv that belong to such a key are not stored.
    """
    head, dims = tl.program_id(1), tl.arange(0, D)
    keys = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    near = head * m * D + keys[:, None] * D + dims[None, :]
    k = tl.load(k_ptr + near, mask=keys[:, None] < m, other=0)
    v = tl.load(v_ptr + near, mask=keys[:, None] < m, other=0)
    dk = tl.zeros((BLOCK_N, D), tl.float32)
    dv = tl.zeros((BLOCK_N, D), tl.float32)
    for start in range(0, n, BLOCK_M):
        rows = start + tl.arange(0, BLOCK_M)
        at = head * n * D + rows[:, None] * D + dims[None, :]
        q = tl.load(q_ptr + at, mask=rows[:, None] < n, other=0)
        grad = tl.load(grad_ptr + at, mask=rows[:, None] < n, other=0)
        lse = tl.load(lse_ptr + head * n + rows, mask=rows < n, other=0)
        delta = tl.load(delta_ptr + head * n + rows, mask=rows < n, other=0)
        raise NotImplementedError("your turn")
    tl.store(dk_ptr + near, dk, mask=keys[:, None] < m)
    tl.store(dv_ptr + near, dv, mask=keys[:, None] < m)
