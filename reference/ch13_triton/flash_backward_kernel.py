from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from reference import Example, Moves, Work, lowp, oracle, unwritten
from reference.baselines import attention_work, backward, fused, naive, sdpa
from reference.launching import cdiv

if TYPE_CHECKING:
    import triton.language as tl  # the kernels below are read as text, never run


@oracle
def flash_backward_kernel(q: Tensor, k: Tensor, v: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """dq, dk and dv by the chain rule."""
    scale = q.shape[-1] ** -0.5
    scores = q @ k.transpose(-1, -2) * scale
    e = torch.exp(scores - scores.amax(-1, keepdim=True))
    p = e / e.sum(-1, keepdim=True)
    dp = grad @ v.transpose(-1, -2)
    ds = lowp(p * (dp - (p * dp).sum(-1, keepdim=True)))
    return ds @ k * scale, ds.transpose(-1, -2) @ q * scale, lowp(p).transpose(-1, -2) @ grad


@flash_backward_kernel.prescribed
def from_log_sums(q: Tensor, k: Tensor, v: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same from the log-sum-exp and the delta of each row, which a forward pass kept.

    The forward pass computes the scores itself and rounds them differently. Its log is rounded at the size of the
    scores: for scores of several hundred, exp of the difference is off by 1e-5. Its delta is grad · out, the sum of
    p · dp.
    """
    scale = q.shape[-1] ** -0.5
    before, scores = q @ k.transpose(-1, -2) * scale, q @ k.transpose(-1, -2) * scale
    top = before.amax(-1, keepdim=True)
    e = torch.exp(before - top)
    total = e.sum(-1, keepdim=True)
    delta = (grad * (e / total @ v)).sum(-1, keepdim=True)
    p = torch.exp(scores - (top + total.log()))
    ds = p * (grad @ v.transpose(-1, -2) - delta)
    return ds @ k * scale, ds.transpose(-1, -2) @ q * scale, p.transpose(-1, -2) @ grad


@flash_backward_kernel.launcher
def launch(
    kernels: Any, config: Mapping[str, Any], q: Tensor, k: Tensor, v: Tensor, grad: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """What the forward pass keeps, then dq by blocks of queries, then dk and dv by blocks of keys."""
    (heads, n, d), m = q.shape, k.shape[1]
    scores = q.float() @ k.float().transpose(-1, -2) * d**-0.5
    lse = scores.logsumexp(-1)
    out = scores.softmax(-1) @ v.float()
    delta = (grad.float() * out).sum(-1)
    dq, dk = unwritten(heads, n, d, dtype=q.dtype), unwritten(heads, m, d, dtype=q.dtype)
    dv = unwritten(heads, m, d, dtype=q.dtype)
    q, k, v, grad = q.contiguous(), k.contiguous(), v.contiguous(), grad.contiguous()
    given = q, k, v, grad, lse, delta
    rest = n, m, d**-0.5
    kernels.dq_kernel[(cdiv(n, config["BLOCK_M"]), heads)](*given, dq, *rest, D=d, **config)
    kernels.dkv_kernel[(cdiv(m, config["BLOCK_N"]), heads)](*given, dk, dv, *rest, D=d, **config)
    return dq, dk, dv


@flash_backward_kernel.example
def example(config: Mapping[str, Any]) -> Example:
    """Two heads with three blocks of queries and three blocks of keys. The last block of each is half full."""
    n, m = config["BLOCK_M"] * 5 // 2, config["BLOCK_N"] * 5 // 2
    q, k = torch.ones(2, n, 32, dtype=torch.float16), torch.ones(2, m, 32, dtype=torch.float16)
    return Example((q, k, k.clone(), q.clone()))


@flash_backward_kernel.traffic
def moves(config: Mapping[str, Any], q: Tensor, k: Tensor, v: Tensor, grad: Tensor) -> Moves:
    """Each kernel reads its own side once, and the other side once for each of its blocks."""
    (heads, n, _), m = q.shape, k.shape[1]
    tall, wide = cdiv(n, config["BLOCK_M"]), cdiv(m, config["BLOCK_N"])
    rows = heads * n * 4 * (1 + wide)
    queries, keys = q.nbytes * (1 + wide), k.nbytes * (tall + 1)
    loads = {"q_ptr": queries, "grad_ptr": queries, "k_ptr": keys, "v_ptr": keys, "lse_ptr": rows, "delta_ptr": rows}
    return Moves(loads, {"dq_ptr": q.nbytes, "dk_ptr": k.nbytes, "dv_ptr": v.nbytes})


@flash_backward_kernel.least
def least(q: Tensor, k: Tensor, v: Tensor, grad: Tensor) -> Work:
    """Five products: the scores again, dp, dv, dk and dq."""
    once = attention_work(q, k, v)
    return Work(once.flops // 2 * 5, once.loads + grad.nbytes, apart=True)


flash_backward_kernel.baseline("naive")(backward(naive))
fused(flash_backward_kernel, sdpa, backward)


@flash_backward_kernel.right("multiplied by the scale once, at the end", replaces="dq_kernel")
def scale_once(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dq_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dq += tl.dot(ds.to(k.dtype), k, input_precision="ieee")
    tl.store(dq_ptr + at, dq * scale, mask=rows[:, None] < n)


@flash_backward_kernel.right("the tiles of scores and weights computed transposed", replaces="dkv_kernel")
def transposed_from_the_start(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dk_ptr: Any,
    dv_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(k, tl.trans(q), input_precision="ieee") * scale
        p = tl.exp(scores - lse[None, :])
        dp = tl.dot(v, tl.trans(grad), input_precision="ieee")
        ds = p * (dp - delta[None, :])
        dv += tl.dot(p.to(v.dtype), grad, input_precision="ieee")
        dk += tl.dot(ds.to(k.dtype), q, input_precision="ieee") * scale
    tl.store(dk_ptr + near, dk, mask=keys[:, None] < m)
    tl.store(dv_ptr + near, dv, mask=keys[:, None] < m)


@flash_backward_kernel.wrong(
    "dq: keys past the end kept the score 0: if lse is below −88, exp(0 − lse) is inf and the row becomes NaN",
    replaces="dq_kernel",
)
def dq_padding_scores_zero(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dq_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dq += tl.dot(ds.to(k.dtype), k, input_precision="ieee") * scale
    tl.store(dq_ptr + at, dq, mask=rows[:, None] < n)


@flash_backward_kernel.wrong(
    "dq: delta, the row sum of grad · out, was not subtracted: softmax connects all weights of a row",
    replaces="dq_kernel",
)
def dq_without_delta(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dq_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * dp
        dq += tl.dot(ds.to(k.dtype), k, input_precision="ieee") * scale
    tl.store(dq_ptr + at, dq, mask=rows[:, None] < n)


@flash_backward_kernel.wrong(
    "dk: delta, the row sum of grad · out, was not subtracted: softmax connects all weights of a row",
    replaces="dkv_kernel",
)
def dk_without_delta(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dk_ptr: Any,
    dv_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * dp
        dv += tl.dot(tl.trans(p).to(v.dtype), grad, input_precision="ieee")
        dk += tl.dot(tl.trans(ds).to(k.dtype), q, input_precision="ieee") * scale
    tl.store(dk_ptr + near, dk, mask=keys[:, None] < m)
    tl.store(dv_ptr + near, dv, mask=keys[:, None] < m)


@flash_backward_kernel.wrong(
    "dq lacks the factor scale: the scores are q kᵀ · scale, so the gradient of q contains scale too",
    replaces="dq_kernel",
)
def dq_without_scale(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dq_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dq += tl.dot(ds.to(k.dtype), k, input_precision="ieee")
    tl.store(dq_ptr + at, dq, mask=rows[:, None] < n)


@flash_backward_kernel.wrong(
    "dk lacks the factor scale: the scores are q kᵀ · scale, so the gradient of k contains scale too",
    replaces="dkv_kernel",
)
def dk_without_scale(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dk_ptr: Any,
    dv_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dv += tl.dot(tl.trans(p).to(v.dtype), grad, input_precision="ieee")
        dk += tl.dot(tl.trans(ds).to(k.dtype), q, input_precision="ieee")
    tl.store(dk_ptr + near, dk, mask=keys[:, None] < m)
    tl.store(dv_ptr + near, dv, mask=keys[:, None] < m)


@flash_backward_kernel.wrong(
    "dv was computed from ds: the values are weighted with p, so dv = pᵀ grad", replaces="dkv_kernel"
)
def dv_from_ds(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dk_ptr: Any,
    dv_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dv += tl.dot(tl.trans(ds).to(v.dtype), grad, input_precision="ieee")
        dk += tl.dot(tl.trans(ds).to(k.dtype), q, input_precision="ieee") * scale
    tl.store(dk_ptr + near, dk, mask=keys[:, None] < m)
    tl.store(dv_ptr + near, dv, mask=keys[:, None] < m)


@flash_backward_kernel.wrong(
    "dv was multiplied by scale: the values do not depend on the scores, so dv = pᵀ grad", replaces="dkv_kernel"
)
def dv_scaled(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dk_ptr: Any,
    dv_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dv += tl.dot(tl.trans(p).to(v.dtype), grad, input_precision="ieee") * scale
        dk += tl.dot(tl.trans(ds).to(k.dtype), q, input_precision="ieee") * scale
    tl.store(dk_ptr + near, dk, mask=keys[:, None] < m)
    tl.store(dv_ptr + near, dv, mask=keys[:, None] < m)


@flash_backward_kernel.wrong(
    "dq: delta was subtracted after the product with p: ds = p · (dp − delta)", replaces="dq_kernel"
)
def dq_delta_outside(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dq_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * dp - delta[:, None]
        dq += tl.dot(ds.to(k.dtype), k, input_precision="ieee") * scale
    tl.store(dq_ptr + at, dq, mask=rows[:, None] < n)


@flash_backward_kernel.wrong(
    "dk: delta was subtracted after the product with p: ds = p · (dp − delta)", replaces="dkv_kernel"
)
def dk_delta_outside(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dk_ptr: Any,
    dv_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * dp - delta[:, None]
        dv += tl.dot(tl.trans(p).to(v.dtype), grad, input_precision="ieee")
        dk += tl.dot(tl.trans(ds).to(k.dtype), q, input_precision="ieee") * scale
    tl.store(dk_ptr + near, dk, mask=keys[:, None] < m)
    tl.store(dv_ptr + near, dv, mask=keys[:, None] < m)


@flash_backward_kernel.wrong("dq: the sign of ds is reversed: ds = p · (dp − delta)", replaces="dq_kernel")
def dq_full_jacobian_sign(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dq_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (delta[:, None] - dp)
        dq += tl.dot(ds.to(k.dtype), k, input_precision="ieee") * scale
    tl.store(dq_ptr + at, dq, mask=rows[:, None] < n)


@flash_backward_kernel.wrong(
    "dq: the scores were recomputed without the scale: p then differs from the p of the forward pass",
    replaces="dq_kernel",
)
def dq_unscaled_scores(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dq_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee")
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dq += tl.dot(ds.to(k.dtype), k, input_precision="ieee") * scale
    tl.store(dq_ptr + at, dq, mask=rows[:, None] < n)


@flash_backward_kernel.wrong(
    "dk, dv: p = exp(scores) without the log-sum-exp: this is no softmax, and it overflows", replaces="dkv_kernel"
)
def dkv_not_normalised(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dk_ptr: Any,
    dv_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        p = tl.exp(scores)
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dv += tl.dot(tl.trans(p).to(v.dtype), grad, input_precision="ieee")
        dk += tl.dot(tl.trans(ds).to(k.dtype), q, input_precision="ieee") * scale
    tl.store(dk_ptr + near, dk, mask=keys[:, None] < m)
    tl.store(dv_ptr + near, dv, mask=keys[:, None] < m)


@flash_backward_kernel.wrong(
    "dq was overwritten in every step: then only the last block of keys counts, so add to it", replaces="dq_kernel"
)
def dq_last_block(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dq_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dq = tl.dot(ds.to(k.dtype), k, input_precision="ieee") * scale
    tl.store(dq_ptr + at, dq, mask=rows[:, None] < n)


@flash_backward_kernel.wrong(
    "dk was computed from keys: the gradient of a key is a sum over queries", replaces="dkv_kernel"
)
def dk_from_keys(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dk_ptr: Any,
    dv_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dv += tl.dot(tl.trans(p).to(v.dtype), grad, input_precision="ieee")
        dk += tl.dot(ds.to(k.dtype), k, input_precision="ieee") * scale
    tl.store(dk_ptr + near, dk, mask=keys[:, None] < m)
    tl.store(dv_ptr + near, dv, mask=keys[:, None] < m)


@flash_backward_kernel.wrong(
    "dq: exp2 without the factor log2 e: the forward pass used powers of e", replaces="dq_kernel"
)
def dq_powers_of_two(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dq_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        p = tl.exp2(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dq += tl.dot(ds.to(k.dtype), k, input_precision="ieee") * scale
    tl.store(dq_ptr + at, dq, mask=rows[:, None] < n)


@flash_backward_kernel.wrong(
    "dk, dv: the scores were recomputed without the scale: p then differs from the p of the forward pass",
    replaces="dkv_kernel",
)
def dkv_scores_without_scale(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dk_ptr: Any,
    dv_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k), input_precision="ieee")
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dv += tl.dot(tl.trans(p).to(v.dtype), grad, input_precision="ieee")
        dk += tl.dot(tl.trans(ds).to(k.dtype), q, input_precision="ieee") * scale
    tl.store(dk_ptr + near, dk, mask=keys[:, None] < m)
    tl.store(dv_ptr + near, dv, mask=keys[:, None] < m)


@flash_backward_kernel.wrong(
    'dq: float32 tiles were multiplied in tf32, which has 10 bits of fraction: give tl.dot input_precision="ieee"',
    replaces="dq_kernel",
)
def dq_in_tf32(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dq_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(q, tl.trans(k)) * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v))
        ds = p * (dp - delta[:, None])
        dq += tl.dot(ds.to(k.dtype), k)
    tl.store(dq_ptr + at, dq * scale, mask=rows[:, None] < n)


@flash_backward_kernel.wrong(
    'dk, dv: float32 tiles were multiplied in tf32, which has 10 bits of fraction: give tl.dot input_precision="ieee"',
    replaces="dkv_kernel",
)
def dkv_in_tf32(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dk_ptr: Any,
    dv_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
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
        scores = tl.dot(k, tl.trans(q)) * scale
        p = tl.exp(scores - lse[None, :])
        dp = tl.dot(v, tl.trans(grad))
        ds = p * (dp - delta[None, :])
        dv += tl.dot(p.to(v.dtype), grad)
        dk += tl.dot(ds.to(k.dtype), q) * scale
    tl.store(dk_ptr + near, dk, mask=keys[:, None] < m)
    tl.store(dv_ptr + near, dv, mask=keys[:, None] < m)


@flash_backward_kernel.wrong(
    "dq started as the number 0 and became a tile: start with tl.zeros((BLOCK_M, D), tl.float32)", replaces="dq_kernel"
)
def dq_from_a_number(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    grad_ptr: Any,
    lse_ptr: Any,
    delta_ptr: Any,
    dq_ptr: Any,
    n: Any,
    m: Any,
    scale: Any,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    head, dims = tl.program_id(1), tl.arange(0, D)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    at = head * n * D + rows[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + at, mask=rows[:, None] < n, other=0)
    grad = tl.load(grad_ptr + at, mask=rows[:, None] < n, other=0)
    lse = tl.load(lse_ptr + head * n + rows, mask=rows < n, other=0)
    delta = tl.load(delta_ptr + head * n + rows, mask=rows < n, other=0)
    dq = 0
    for start in range(0, m, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        near = head * m * D + keys[:, None] * D + dims[None, :]
        k = tl.load(k_ptr + near, mask=keys[:, None] < m, other=0)
        v = tl.load(v_ptr + near, mask=keys[:, None] < m, other=0)
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < m, scores, float("-inf"))
        p = tl.exp(scores - lse[:, None])
        dp = tl.dot(grad, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dq += tl.dot(ds.to(k.dtype), k, input_precision="ieee")
    tl.store(dq_ptr + at, dq * scale, mask=rows[:, None] < n)
