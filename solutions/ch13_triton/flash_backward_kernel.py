"""Gradients without the weights

The forward pass keeps the log-sum-exp of every row and does not store the weights. The backward pass computes the
weights again, block by block. For the gradient of the softmax it needs one more number for each row.
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
    """The gradient with respect to the queries of one block.

    All inputs except lse and delta have the shape (heads, length, D) and the same dtype. The scores are the same as in
    the forward pass, q kᵀ · scale. Two numbers for each row are given. `lse` is the log-sum-exp of its scores, so p =
    exp(scores - lse) is the softmax and needs no maximum. `delta` is the row sum of grad · out. With dp = grad vᵀ, the
    gradient with respect to the scores before the scale is ds = p · (dp - delta), and dq = ds k · scale.

    A key past the end is loaded as zeros, and its weight must be 0. Its score of 0 may be far above lse.
    Add the contribution of this block of keys to `dq`. Pass ds to tl.dot as ds.to(k.dtype). tl.trans transposes a
    tile. As in flash_forward, use tl.dot(x, y, input_precision="ieee").
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
        ### BEGIN SOLUTION
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dq += tl.dot(ds.to(k.dtype), k, input_precision="ieee") * scale
        ### END SOLUTION
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
    """The gradients with respect to the keys and values of one block: dv = pᵀ grad and dk = dsᵀ q · scale.

    p and ds are the same as above. Add the contribution of this block of queries to `dk` and `dv`. Rows past the end
    need no mask here: everything that is loaded for such a query is 0, so it adds zeros. The rows of dk and dv for a
    key past the end are not stored.
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
        ### BEGIN SOLUTION
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dv += tl.dot(tl.trans(p).to(v.dtype), grad, input_precision="ieee")
        dk += tl.dot(tl.trans(ds).to(k.dtype), q, input_precision="ieee") * scale
        ### END SOLUTION
    tl.store(dk_ptr + near, dk, mask=keys[:, None] < m)
    tl.store(dv_ptr + near, dv, mask=keys[:, None] < m)
