"""By matrix products, with the sum of the weights divided out at the end."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import oracle, promoted


@oracle
def attention(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    dtype = q.dtype
    q, k, v = promoted(q, k, v)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    hidden = torch.zeros(scores.shape, dtype=torch.bool) if hidden is None else hidden.expand(scores.shape)
    if not k.shape[-2]:
        return (scores @ v).to(dtype)  # a sum of nothing
    lowest = torch.full_like(scores, torch.finfo(scores.dtype).min)
    top = torch.where(hidden, lowest, scores).amax(-1, keepdim=True)
    e = torch.where(hidden, torch.zeros_like(scores), torch.exp(scores - top))
    total = e.sum(-1, keepdim=True)
    return (e @ v / torch.where(total == 0, torch.ones_like(total), total)).to(dtype)


def _scores(q: Tensor, k: Tensor, scale: float | None = None) -> Tensor:
    return q.float() @ k.float().mT * (q.shape[-1] ** -0.5 if scale is None else scale)


def _weights(scores: Tensor, hidden: Tensor | None = None, dim: int = -1) -> Tensor:
    if hidden is None:
        return torch.softmax(scores, dim)
    return torch.softmax(scores.masked_fill(hidden, -torch.inf), dim).masked_fill(hidden, 0.0)


@attention.right("the library's function, with hidden rows set to zero")
def library(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    seen = None if hidden is None else ~hidden
    out = F.scaled_dot_product_attention(q.float(), k.float(), v.float(), attn_mask=seen)
    return out.nan_to_num(0.0).to(q.dtype)


@attention.right("with the queries scaled first")
def scaled_queries(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    scores = (q.float() * q.shape[-1] ** -0.5) @ k.float().mT
    return (_weights(scores, hidden) @ v.float()).to(q.dtype)


@attention.right("keys in blocks, with a running maximum and sum, as in FlashAttention")
def in_blocks(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None, block: int = 32) -> Tensor:
    scores = _scores(q, k)
    if hidden is not None:
        scores = scores.masked_fill(hidden, -torch.inf)
    top = torch.full((*scores.shape[:-1], 1), -torch.inf)
    total, out = torch.zeros(top.shape), torch.zeros(*scores.shape[:-1], v.shape[-1])
    for part, values in zip(torch.split(scores, block, -1), torch.split(v.float(), block, 2), strict=True):
        new = torch.maximum(top, part.amax(-1, keepdim=True))
        safe = new.masked_fill(new == -torch.inf, 0)
        rescale, p = torch.exp(top - safe), torch.exp(part - safe)
        total = total * rescale + p.sum(-1, keepdim=True)
        out = out * rescale + p @ values
        top = new
    return (out / total.masked_fill(total == 0, 1)).to(q.dtype)


@attention.wrong("softmax was taken over the queries: take it over the keys, so that a query's weights add up to 1")
def over_queries(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    return (_weights(_scores(q, k), hidden, -2).nan_to_num(0.0) @ v.float()).to(q.dtype)


@attention.wrong("the scores were not divided by √d")
def unscaled(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    return (_weights(_scores(q, k, 1.0), hidden) @ v.float()).to(q.dtype)


@attention.wrong("the scores were divided by d: the divisor is √d")
def by_d(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    return (_weights(_scores(q, k, 1 / q.shape[-1]), hidden) @ v.float()).to(q.dtype)


@attention.wrong("the scores were divided by the root of the width of the values: use the width of queries and keys")
def by_width_of_values(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    return (_weights(_scores(q, k, v.shape[-1] ** -0.5), hidden) @ v.float()).to(q.dtype)


@attention.wrong("the scores were divided by the root of the number of keys: d is the width of a key")
def by_number_of_keys(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    return (_weights(_scores(q, k, k.shape[2] ** -0.5), hidden) @ v.float()).to(q.dtype)


@attention.wrong("the weights were divided by √d: the scale belongs before softmax")
def scaled_after_softmax(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    return (_weights(_scores(q, k, 1.0), hidden) / q.shape[-1] ** 0.5 @ v.float()).to(q.dtype)


@attention.wrong("the scores were used as weights, without softmax")
def no_softmax(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    scores = _scores(q, k)
    return ((scores if hidden is None else scores.masked_fill(hidden, 0)) @ v.float()).to(q.dtype)


@attention.wrong("exp was not divided by its sum: the weights of a query must add up to 1")
def not_normalised(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    scores = _scores(q, k)
    e = torch.exp(scores - scores.amax(-1, keepdim=True))
    return ((e if hidden is None else e.masked_fill(hidden, 0)) @ v.float()).to(q.dtype)


@attention.wrong("exp was taken without subtracting the row's maximum: large scores overflow")
def no_max(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    scores = _scores(q, k)
    e = torch.exp(scores if hidden is None else scores.masked_fill(hidden, -torch.inf))
    total = e.sum(-1, keepdim=True)
    return (e / total.masked_fill(total == 0, 1) @ v.float()).to(q.dtype)


@attention.wrong("the weights were applied to the keys: apply them to the values")
def averages_keys(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    return (_weights(_scores(q, k), hidden) @ k.float()).to(q.dtype)


@attention.wrong("the mask was not used")
def ignores_mask(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    return (_weights(_scores(q, k)) @ v.float()).to(q.dtype)


@attention.wrong("the mask was used the wrong way round: True means hidden here, but visible in torch's own function")
def inverted(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    return (_weights(_scores(q, k), None if hidden is None else ~hidden) @ v.float()).to(q.dtype)


@attention.wrong("the weights were set to 0 after softmax: the other weights of a row no longer add up to 1")
def after_softmax(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    weights = _weights(_scores(q, k))
    return ((weights if hidden is None else weights.masked_fill(hidden, 0)) @ v.float()).to(q.dtype)


@attention.wrong("a query that sees no key gives NaN: softmax there is 0/0")
def nan_rows(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    scores = _scores(q, k)
    scores = scores if hidden is None else scores.masked_fill(hidden, -torch.inf)
    return (torch.softmax(scores, -1) @ v.float()).to(q.dtype)


@attention.wrong("a query that sees no key gives the average of all values: it must give zeros, and −1e9 is not −inf")
def average_when_hidden(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    scores = _scores(q, k)
    scores = scores if hidden is None else scores.masked_fill(hidden, -1e9)
    return (torch.softmax(scores, -1) @ v.float()).to(q.dtype)


@attention.wrong("the weights were rounded to the dtype of the input before the second product: round once, at the end")
def rounded_weights(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    return (_weights(_scores(q, k), hidden).to(q.dtype).float() @ v.float()).to(q.dtype)


@attention.wrong("the scores were rounded to the dtype of the input before softmax: round once, at the end")
def rounded_scores(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    return (_weights(_scores(q, k).to(q.dtype).float(), hidden) @ v.float()).to(q.dtype)


attention.standard_wrongs(
    "low_precision_inside", formula=lambda q, k, v, hidden=None: _weights(q @ k.mT / q.shape[-1] ** 0.5, hidden) @ v
)
attention.standard_wrongs(
    "returns_fp32", of="the queries", formula=lambda q, k, v, hidden=None: _weights(_scores(q, k), hidden) @ v
)


@attention.wrong("`hidden` may be None: then every query sees all keys, and there is nothing to fill")
def needs_a_mask(q: Tensor, k: Tensor, v: Tensor, hidden: Any = None) -> Tensor:
    weights = torch.softmax(_scores(q, k).masked_fill(hidden, float("-inf")), -1).masked_fill(hidden, 0.0)
    return (weights @ v.float()).to(q.dtype)


@attention.wrong("q·k was multiplied in low precision, and only softmax was in float32: upcast before the product")
def scores_in_low_precision(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    scores = q @ k.to(q.dtype).mT / q.shape[-1] ** 0.5
    return (_weights(scores.float(), hidden) @ v.float()).to(q.dtype)


@attention.wrong("the result has the dtype of the values: it must have the dtype of the queries")
def in_the_dtype_of_v(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    return (_weights(_scores(q, k), hidden) @ v.float()).to(v.dtype)


@attention.wrong(
    "a finite number was used for −inf: a visible score can be lower, and then the hidden keys take its weight"
)
def finite_mask(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    scores = _scores(q, k)
    if hidden is None:
        return (torch.softmax(scores, -1) @ v.float()).to(q.dtype)
    return (torch.softmax(scores.masked_fill(hidden, -1e9), -1).masked_fill(hidden, 0.0) @ v.float()).to(q.dtype)


@attention.wrong("hidden scores were set to 0: exp(0) is 1, so hidden keys still get weight; use −inf")
def masked_by_zeros(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    scores = _scores(q, k)
    scores = scores if hidden is None else scores.masked_fill(hidden, 0.0)
    return (torch.softmax(scores, -1) @ v.float()).to(q.dtype)


@attention.wrong("mask · −inf was added to the scores: 0 · −inf is NaN")
def times_inf(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    scores = _scores(q, k)
    scores = scores if hidden is None else scores + hidden.float() * -torch.inf
    return (torch.softmax(scores, -1) @ v.float()).to(q.dtype)


@attention.wrong("the scores were multiplied by √d: divide them by √d")
def multiplied(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    return (_weights(_scores(q, k, q.shape[-1] ** 0.5), hidden) @ v.float()).to(q.dtype)


@attention.wrong(
    "a finite number was used for −inf: a visible score can be lower, and then its query gets hidden values"
)
def finite_but_rows(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    weights = _scores(q, k)
    if hidden is not None:
        gone = hidden.expand(weights.shape).all(-1, keepdim=True)
        weights = torch.softmax(weights.masked_fill(hidden, -1e9), -1).masked_fill(gone, 0.0)
    else:
        weights = torch.softmax(weights, -1)
    return (weights @ v.float()).to(q.dtype)


@attention.wrong("the lowest finite number was used for −inf: a query that sees no key gives the average of all values")
def lowest_finite(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None) -> Tensor:
    scores = _scores(q, k)
    scores = scores if hidden is None else scores.masked_fill(hidden, torch.finfo(torch.float32).min)
    return (torch.softmax(scores, -1) @ v.float()).to(q.dtype)
