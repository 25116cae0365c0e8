"""Sums of elementwise products. The weights are marked: they may be rounded."""

import math

import torch
from torch import Tensor

from reference import lowp, oracle, promoted

Answer = tuple[Tensor, Tensor]


@oracle
def low_precision_attention(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    dtype = q.dtype
    q, k, v, _ = promoted(q, k, v, torch.empty(0))
    scores = (q.unsqueeze(1) * k).sum(2) / math.sqrt(q.shape[1])
    top = scores.amax(1, keepdim=True)
    e = torch.exp(scores - top)
    total = e.sum(1, keepdim=True)
    out = (lowp(e / total).unsqueeze(2) * v).sum(1)
    return out.to(dtype), (top + torch.log(total)).squeeze(1)


def _scores(q: Tensor, k: Tensor) -> Tensor:
    return q.float() @ k.float().T / q.shape[1] ** 0.5


def _finish(scores: Tensor, v: Tensor, dtype: torch.dtype) -> Answer:
    return (torch.softmax(scores, 1).to(dtype).float() @ v.float()).to(dtype), torch.logsumexp(scores, 1)


@low_precision_attention.right("torch.softmax on float32 scores, and its weights are rounded")
def library(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    return _finish(_scores(q, k), v, q.dtype)


@low_precision_attention.right("nothing is rounded before the end")
def unrounded(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    scores = _scores(q, k)
    return (torch.softmax(scores, 1) @ v.float()).to(q.dtype), torch.logsumexp(scores, 1)


@low_precision_attention.right("in blocks of keys, as FlashAttention does it")
def in_blocks(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    top, total = torch.full((len(q), 1), -torch.inf), torch.zeros(len(q), 1)
    acc = torch.zeros(len(q), v.shape[1])
    for keys, values in zip(torch.split(k, 64), torch.split(v, 64), strict=True):
        scores = _scores(q, keys)
        new = torch.maximum(top, scores.amax(1, keepdim=True))
        e, shrink = torch.exp(scores - new), torch.exp(top - new)
        total = total * shrink + e.sum(1, keepdim=True)
        acc = acc * shrink + e.to(q.dtype).float() @ values.float()
        top = new
    return (acc / total).to(q.dtype), (top + total.log()).squeeze(1)


@low_precision_attention.wrong(
    "everything was computed in the dtype of the input: scores, exp and both sums are rounded at every step"
)
def all_low(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    scores = q @ k.T / q.shape[1] ** 0.5
    e = torch.exp(scores - scores.amax(1, keepdim=True))
    total = e.sum(1, keepdim=True)
    return (e / total) @ v, (scores.amax(1) + total.squeeze(1).log()).float()


@low_precision_attention.wrong(
    "the scores were rounded before softmax: an error of 0.03 in a score changes its weight by 3 %"
)
def rounded_scores(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    return _finish((q @ k.to(q.dtype).T).float() / q.shape[1] ** 0.5, v, q.dtype)


@low_precision_attention.wrong("the scores were scaled and then rounded before softmax: keep them in float32")
def rounded_after_scaling(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    return _finish(_scores(q, k).to(q.dtype).float(), v, q.dtype)


@low_precision_attention.wrong("softmax was computed in the dtype of `q`: compute maximum, exp and sum in float32")
def low_softmax(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    scores = _scores(q, k)
    weights = torch.softmax(scores.to(q.dtype), 1)
    return (weights.float() @ v.float()).to(q.dtype), torch.logsumexp(scores, 1)


@low_precision_attention.wrong(
    "the weights were rounded to the dtype of `v`: only rounding to the dtype of `q` is allowed"
)
def weights_like_values(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    scores = _scores(q, k)
    weights = torch.softmax(scores, 1).to(v.dtype)
    return (weights.float() @ v.float()).to(q.dtype), torch.logsumexp(scores, 1)


@low_precision_attention.wrong("q was scaled in its own dtype: this rounds every query, unless √d is a power of two")
def rounded_queries(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    return _finish((q * q.shape[1] ** -0.5).float() @ k.float().T, v, q.dtype)


@low_precision_attention.wrong("the exps were added up in the dtype of the input: a bf16 sum of ones stops at 256")
def low_sum(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    scores = _scores(q, k)
    top = scores.amax(1, keepdim=True)
    e = torch.exp(scores - top)
    total = torch.zeros(len(q), dtype=q.dtype)
    for column in e.unbind(1):
        total = (total.float() + column).to(q.dtype)
    out = e.to(q.dtype).float() @ v.float() / total.float()[:, None]
    return out.to(q.dtype), top.squeeze(1) + total.float().log()


@low_precision_attention.wrong("the weighted sum was kept in the dtype of the input: it rounds at every key")
def low_accumulator(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    scores = _scores(q, k)
    out = torch.zeros(len(q), v.shape[1], dtype=q.dtype)
    for weights, row in zip(torch.softmax(scores, 1).unbind(1), v, strict=True):
        out = (out.float() + weights[:, None] * row.float()).to(q.dtype)
    return out, torch.logsumexp(scores, 1)


@low_precision_attention.wrong("the weights were rounded to fp8 (e4m3): only 3 bits of the fraction are left")
def fp8_weights(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    scores = _scores(q, k)
    weights = torch.softmax(scores, 1).to(torch.float8_e4m3fn).float()
    return (weights @ v.float()).to(q.dtype), torch.logsumexp(scores, 1)


@low_precision_attention.wrong("no maximum was subtracted: float32 overflows too, at scores above 88.7")
def no_maximum(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    e = torch.exp(_scores(q, k))
    total = e.sum(1, keepdim=True)
    return (e.to(q.dtype).float() @ v.float() / total).to(q.dtype), total.squeeze(1).log()


@low_precision_attention.wrong("the scores were not divided by √d")
def unscaled(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    return _finish(q.float() @ k.float().T, v, q.dtype)


@low_precision_attention.wrong(
    "the scores were divided by the root of the values' width: d is the width of queries and keys"
)
def by_width_of_values(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    return _finish(q.float() @ k.float().T / v.shape[1] ** 0.5, v, q.dtype)


low_precision_attention.standard_wrongs(
    "returns_fp32", says="the result is float32: return it in the dtype of `q`", formula=library
)


@low_precision_attention.wrong("the result has the dtype of `v`: `q` decides the dtype")
def dtype_of_values(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    out, lse = _finish(_scores(q, k), v, torch.float32)
    return out.to(v.dtype), lse


@low_precision_attention.wrong("the log-sum-exp was returned in the dtype of `q`: return it in float32")
def rounds_the_log(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    out, lse = _finish(_scores(q, k), v, q.dtype)
    return out, lse.to(q.dtype)


@low_precision_attention.wrong(
    "the log-sum-exp was rounded before the end: the backward pass needs exp(score − lse), so keep float32"
)
def low_log(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    out, lse = _finish(_scores(q, k), v, q.dtype)
    return out, lse.to(q.dtype).float()
