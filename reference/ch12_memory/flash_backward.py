"""The whole score matrix, without the queries whose gradient is zero: they contribute nothing."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from reference import oracle

Grads = tuple[Tensor, Tensor, Tensor]


@oracle
def flash_backward(q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, grad: Tensor, block: int) -> Grads:
    wide = torch.promote_types(q.dtype, torch.float32)
    live = (grad != 0).any(1)
    g, rows, keys, root = grad[live].to(wide), q[live].to(wide), k.to(wide), math.sqrt(q.shape[1])
    p = torch.exp(rows @ keys.T / root - lse[live].unsqueeze(1))
    d = torch.einsum("qe,qe->q", g, out[live].to(wide))
    ds = p * (g @ v.to(wide).T) - p * d.unsqueeze(1)
    dq = torch.zeros(q.shape, dtype=wide)
    dq[live] = ds @ keys / root
    return dq.to(q.dtype), (ds.T @ rows / root).to(k.dtype), (p.T @ g).to(v.dtype)


@dataclass(frozen=True)
class _How:
    """What is done in place of the right thing."""

    score_scale: bool = True
    q_scale: bool = True
    k_scale: bool = True
    delta: bool = True
    minus_delta: float = 1.0
    recompute: str = "lse"  # or: block, none
    add_q: bool = True
    add_k: bool = True
    add_v: bool = True
    transpose_p: bool = True
    round_blocks: bool = False
    own_delta: bool = False
    drop_keys: bool = False
    drop_queries: bool = False
    softmax_slope: bool = True
    out_for_grad: bool = False
    columns: int | None = None


_RIGHT = _How()


def _backward(
    q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, grad: Tensor, block: int, how: _How = _RIGHT
) -> Grads:
    scale = q.shape[1] ** -0.5
    dtype = q.dtype
    wq, wk, wv, g = q.float(), k.float(), v.float(), grad.float()
    dq, dk, dv = torch.zeros(q.shape), torch.zeros(k.shape), torch.zeros(v.shape)
    other = out.float() if how.out_for_grad else g
    delta = (other * out.float()).sum(1, keepdim=True) * how.minus_delta
    height, width = block, how.columns or block
    n_q = len(q) - (len(q) % block if how.drop_queries else 0)
    n_k = len(k) - (len(k) % block if how.drop_keys and len(k) > block else 0)
    for i in range(0, n_q, height):
        r = slice(i, i + height)
        for j in range(0, n_k, width):
            c = slice(j, j + width)
            s = wq[r] @ wk[c].T * (scale if how.score_scale else 1.0)
            if how.recompute == "lse":
                p = torch.exp(s - lse[r, None])
            else:
                p = torch.softmax(s, 1) if how.recompute == "block" else torch.exp(s)
            dp = g[r] @ wv[c].T
            subtract = (p * dp).sum(1, keepdim=True) if how.own_delta else delta[r]
            ds = dp - (subtract if how.delta else 0.0)
            ds = ds * p if how.softmax_slope else ds
            if how.round_blocks:
                p, ds = p.to(dtype).float(), ds.to(dtype).float()
            new_q = ds @ wk[c] * (scale if how.q_scale else 1.0)
            new_k = ds.T @ wq[r] * (scale if how.k_scale else 1.0)
            new_v = p.T @ g[r]
            dq[r] = dq[r] + new_q if how.add_q else new_q
            dk[c] = dk[c] + new_k if how.add_k else new_k
            dv[c] = dv[c] + new_v if how.add_v else new_v
    return dq.to(dtype), dk.to(k.dtype), dv.to(v.dtype)


@flash_backward.right("the keys are in the outer loop, as in FlashAttention-2")
def keys_outside(q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, grad: Tensor, block: int) -> Grads:
    root = math.sqrt(q.shape[1])
    dq = torch.zeros(q.shape)
    delta = torch.einsum("qe,qe->q", grad.float(), out.float())
    dks, dvs = [], []
    for keys, values in zip(torch.split(k.float(), block), torch.split(v.float(), block), strict=True):
        dk, dv = torch.zeros(keys.shape), torch.zeros(values.shape)
        for i in range(0, len(q), block):
            rows, g = q[i : i + block].float(), grad[i : i + block].float()
            p = torch.exp(rows @ keys.T / root - lse[i : i + block].unsqueeze(1))
            dv += p.T @ g
            ds = p * (g @ values.T - delta[i : i + block].unsqueeze(1))
            dk += ds.T @ rows
            dq[i : i + block] += ds @ keys
        dks.append(dk / root)
        dvs.append(dv)
    return (dq / root).to(q.dtype), torch.cat(dks).to(k.dtype), torch.cat(dvs).to(v.dtype)


@flash_backward.right("the keys and queries are scaled once, before the loops")
def scaled_before(q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, grad: Tensor, block: int) -> Grads:
    wq, wk = q.float() * q.shape[1] ** -0.5, k.float() * q.shape[1] ** -0.5
    dq, dk, dv = torch.zeros(q.shape), torch.zeros(k.shape), torch.zeros(v.shape)
    for i in range(0, len(q), block):
        g = grad[i : i + block].float()
        delta = (g * out[i : i + block].float()).sum(1, keepdim=True)
        for j in range(0, len(k), block):
            p = torch.exp(wq[i : i + block] @ k[j : j + block].float().T - lse[i : i + block, None])
            ds = p * (g @ v[j : j + block].float().T - delta)
            dq[i : i + block] += ds @ wk[j : j + block]
            dk[j : j + block] += ds.T @ wq[i : i + block]
            dv[j : j + block] += p.T @ g
    return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype)


def _wrong(name: str, says: str, how: _How) -> None:
    def variant(q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, grad: Tensor, block: int) -> Grads:
        return _backward(q, k, v, out, lse, grad, block, how)

    variant.__name__ = name
    flash_backward.wrong(says)(variant)


_wrong(
    "no_delta",
    "D was not subtracted: if one weight rises, all others fall, and D accounts for this",
    _How(delta=False),
)
_wrong("adds_delta", "D was added: subtract it from dP", _How(minus_delta=-1.0))
_wrong(
    "delta_of_the_block",
    "D was computed from one block: Σ P ∘ dP runs over all keys, so compute it from `out`",
    _How(own_delta=True),
)
_wrong("delta_from_out_alone", "D was computed from out ∘ out: it is Σ grad ∘ out", _How(out_for_grad=True))
_wrong("no_slope", "dS has no factor P: the gradient of softmax is missing", _How(softmax_slope=False))
_wrong("no_scale_on_dq", "dq was not divided by √d: the scores were, so dq must be too", _How(q_scale=False))
_wrong("no_scale_on_dk", "dk was not divided by √d: the scores were, so dk must be too", _How(k_scale=False))
_wrong(
    "no_scale_on_both",
    "dq and dk were not divided by √d: the scores were, so both must be too",
    _How(q_scale=False, k_scale=False),
)
_wrong(
    "scores_unscaled",
    "the scores were not divided by √d when they were computed again: P must be the same as in the forward pass",
    _How(score_scale=False),
)
_wrong(
    "softmax_of_the_block",
    "P was computed as a softmax of one block: the weights are relative to all keys, so use the log-sum-exp",
    _How(recompute="block"),
)
_wrong(
    "lse_not_subtracted",
    "P was computed as exp(S): subtract the log-sum-exp, or rows do not add up to 1 and large scores overflow",
    _How(recompute="none"),
)
_wrong("overwrites_dq", "each block of keys replaced dq: add its part to dq", _How(add_q=False))
_wrong("overwrites_dk", "each block of queries replaced dk: add its part to dk", _How(add_k=False))
_wrong("overwrites_dv", "each block of queries replaced dv: add its part to dv", _How(add_v=False))
_wrong(
    "overwrites_dk_and_dv",
    "each block of queries replaced dk and dv: add its parts to them",
    _How(add_k=False, add_v=False),
)
_wrong(
    "drops_keys",
    "the last keys were dropped because `block` does not divide their number: they are a smaller block",
    _How(drop_keys=True),
)
_wrong(
    "drops_queries",
    "the last queries were dropped because `block` does not divide their number: they are a smaller block",
    _How(drop_queries=True),
)
_wrong(
    "rounded_blocks",
    "P and dS were rounded to the dtype of the input: keep float32 until the sums are complete",
    _How(round_blocks=True),
)
_wrong(
    "rows_whole",
    "each block of queries met all keys at once: the memory for scores then grows with the number of keys",
    _How(columns=1 << 40),
)


flash_backward.standard_wrongs(
    "returns_fp32", says="the gradients are float32: return them in the dtypes of q, k and v", formula=_backward
)


@flash_backward.wrong("the sums were kept in the dtype of the input: every addition rounds, so keep them in float32")
def low_precision_sums(q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, grad: Tensor, block: int) -> Grads:
    dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
    for i in range(0, len(q), block):
        r = slice(i, i + block)
        for j in range(0, len(k), block):
            c = slice(j, j + block)
            a, b, d = _backward(q[r], k[c], v[c], out[r], lse[r], grad[r], block)
            dq[r] += a
            dk[c] += b
            dv[c] += d
    return dq, dk, dv


@flash_backward.wrong("dq and dk were swapped: dq comes first")
def swapped(q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, grad: Tensor, block: int) -> Grads:
    dq, dk, dv = _backward(q, k, v, out, lse, grad, block)
    return dk, dq, dv


@flash_backward.wrong("all three gradients have the dtype of q: each must have the dtype of its own tensor")
def dtype_of_q(q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, grad: Tensor, block: int) -> Grads:
    dq, dk, dv = _backward(q, k.float(), v.float(), out, lse, grad, block)
    return dq, dk.to(q.dtype), dv.to(q.dtype)
