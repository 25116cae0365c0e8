"""flash_backward_kernel with exp2, sums inside tl.dot and scores transposed from the start

The scale is multiplied in once at the end, dq, dk and dv grow inside the product, and dkv needs no transposed tile of
weights.
"""

import triton
import triton.language as tl

CONFIG = {"BLOCK_M": 64, "BLOCK_N": 64, "num_warps": 4, "num_stages": 2}
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
    head, dims = tl.program_id(1), tl.arange(0, D)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    at = head * n * D + rows[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + at, mask=rows[:, None] < n, other=0)
    grad = tl.load(grad_ptr + at, mask=rows[:, None] < n, other=0)
    lse = tl.load(lse_ptr + head * n + rows, mask=rows < n, other=0) * 1.4426950408889634
    delta = tl.load(delta_ptr + head * n + rows, mask=rows < n, other=0)
    dq = tl.zeros((BLOCK_M, D), tl.float32)
    log_scale = scale * 1.4426950408889634
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        near = head * m * D + keys[:, None] * D + dims[None, :]
        k = tl.load(k_ptr + near, mask=keys[:, None] < m, other=0)
        v = tl.load(v_ptr + near, mask=keys[:, None] < m, other=0)
        p = tl.exp2(tl.dot(q, tl.trans(k), input_precision="ieee") * log_scale - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dq = tl.dot(ds.to(k.dtype), k, dq, input_precision="ieee")
    tl.store(dq_ptr + at, dq * scale, mask=rows[:, None] < n)


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
    head, dims = tl.program_id(1), tl.arange(0, D)
    keys = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    near = head * m * D + keys[:, None] * D + dims[None, :]
    k = tl.load(k_ptr + near, mask=keys[:, None] < m, other=0)
    v = tl.load(v_ptr + near, mask=keys[:, None] < m, other=0)
    dk = tl.zeros((BLOCK_N, D), tl.float32)
    dv = tl.zeros((BLOCK_N, D), tl.float32)
    log_scale = scale * 1.4426950408889634
    for start in range(0, n, BLOCK_M):
        rows = start + tl.arange(0, BLOCK_M)
        at = head * n * D + rows[:, None] * D + dims[None, :]
        q = tl.load(q_ptr + at, mask=rows[:, None] < n, other=0)
        grad = tl.load(grad_ptr + at, mask=rows[:, None] < n, other=0)
        lse = tl.load(lse_ptr + head * n + rows, mask=rows < n, other=0) * 1.4426950408889634
        delta = tl.load(delta_ptr + head * n + rows, mask=rows < n, other=0)
        p = tl.exp2(tl.dot(k, tl.trans(q), input_precision="ieee") * log_scale - lse[None, :])
        dv = tl.dot(p.to(v.dtype), grad, dv, input_precision="ieee")
        dp = tl.dot(v, tl.trans(grad), input_precision="ieee")
        ds = p * (dp - delta[None, :])
        dk = tl.dot(ds.to(k.dtype), q, dk, input_precision="ieee")
    tl.store(dk_ptr + near, dk * scale, mask=keys[:, None] < m)
    tl.store(dv_ptr + near, dv, mask=keys[:, None] < m)
