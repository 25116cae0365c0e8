"""By sums of elementwise products; the weights are marked as what may be rounded."""

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


@low_precision_attention.right("softmax by the library on float32 scores, its weights rounded")
def library(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    return _finish(_scores(q, k), v, q.dtype)


@low_precision_attention.right("nothing rounded before the end")
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


@low_precision_attention.wrong("all in the dtype of the input: scores, exp and both sums are rounded at every step")
def all_low(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    scores = q @ k.T / q.shape[1] ** 0.5
    e = torch.exp(scores - scores.amax(1, keepdim=True))
    total = e.sum(1, keepdim=True)
    return (e / total) @ v, (scores.amax(1) + total.squeeze(1).log()).float()


@low_precision_attention.wrong(
    "the scores rounded before softmax: an error of 0.03 in a score of 8 is 3 % of its weight"
)
def rounded_scores(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    return _finish((q @ k.to(q.dtype).T).float() / q.shape[1] ** 0.5, v, q.dtype)


@low_precision_attention.wrong("the scores scaled and then rounded before softmax: they stay in float32")
def rounded_after_scaling(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    return _finish(_scores(q, k).to(q.dtype).float(), v, q.dtype)


@low_precision_attention.wrong("the softmax taken in the dtype of `q`: maximum, exp and sum belong in float32")
def low_softmax(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    scores = _scores(q, k)
    weights = torch.softmax(scores.to(q.dtype), 1)
    return (weights.float() @ v.float()).to(q.dtype), torch.logsumexp(scores, 1)


@low_precision_attention.wrong("the weights rounded to the dtype of `v`: they may be rounded to the dtype of `q` only")
def weights_like_values(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    scores = _scores(q, k)
    weights = torch.softmax(scores, 1).to(v.dtype)
    return (weights.float() @ v.float()).to(q.dtype), torch.logsumexp(scores, 1)


@low_precision_attention.wrong("q scaled in its own dtype: unless √d is a power of two, that rounds every query")
def rounded_queries(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    return _finish((q * q.shape[1] ** -0.5).float() @ k.float().T, v, q.dtype)


@low_precision_attention.wrong(
    "the sum of the exps in the dtype of the input: from 256 ones on bf16 does not count further"
)
def low_sum(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    scores = _scores(q, k)
    top = scores.amax(1, keepdim=True)
    e = torch.exp(scores - top)
    total = torch.zeros(len(q), dtype=q.dtype)
    for column in e.unbind(1):
        total = (total.float() + column).to(q.dtype)
    out = e.to(q.dtype).float() @ v.float() / total.float()[:, None]
    return out.to(q.dtype), top.squeeze(1) + total.float().log()


@low_precision_attention.wrong("the weighted sum kept in the dtype of the input: it rounds at every key")
def low_accumulator(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    scores = _scores(q, k)
    out = torch.zeros(len(q), v.shape[1], dtype=q.dtype)
    for weights, row in zip(torch.softmax(scores, 1).unbind(1), v, strict=True):
        out = (out.float() + weights[:, None] * row.float()).to(q.dtype)
    return out, torch.logsumexp(scores, 1)


@low_precision_attention.wrong("weights of 8 bits of range instead of 16: rounded to fp8, they keep 3 bits of fraction")
def fp8_weights(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    scores = _scores(q, k)
    weights = torch.softmax(scores, 1).to(torch.float8_e4m3fn).float()
    return (weights @ v.float()).to(q.dtype), torch.logsumexp(scores, 1)


@low_precision_attention.wrong("no maximum subtracted: float32 overflows too, from a score of 88.7 on")
def no_maximum(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    e = torch.exp(_scores(q, k))
    total = e.sum(1, keepdim=True)
    return (e.to(q.dtype).float() @ v.float() / total).to(q.dtype), total.squeeze(1).log()


@low_precision_attention.wrong("scores not divided by √d")
def unscaled(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    return _finish(q.float() @ k.float().T, v, q.dtype)


@low_precision_attention.wrong("the values averaged by scores of the values' width: d is the width of queries and keys")
def by_width_of_values(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    return _finish(q.float() @ k.float().T / v.shape[1] ** 0.5, v, q.dtype)


low_precision_attention.standard_wrongs(
    "returns_fp32", says="the result in float32: it goes back to the dtype of `q`", formula=library
)


@low_precision_attention.wrong("the result in the dtype of `v`: `q` decides the dtype")
def dtype_of_values(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    out, lse = _finish(_scores(q, k), v, torch.float32)
    return out.to(v.dtype), lse


@low_precision_attention.wrong("the log-sum-exp rounded to the dtype of `q`: it is float32")
def rounds_the_log(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    out, lse = _finish(_scores(q, k), v, q.dtype)
    return out, lse.to(q.dtype)


@low_precision_attention.wrong("the log-sum-exp rounded on the way: the backward pass takes exp(score − lse) of it")
def low_log(q: Tensor, k: Tensor, v: Tensor) -> Answer:
    out, lse = _finish(_scores(q, k), v, q.dtype)
    return out, lse.to(q.dtype).float()
