"""Text by text: the tokens that are real, picked out and averaged."""

from collections.abc import Callable

import torch
from torch import Tensor

from reference import oracle


@oracle
def mean_pool(x: Tensor, mask: Tensor) -> Tensor:
    means = [
        text[real].mean(0) if real.any() else torch.zeros_like(text[0]) for text, real in zip(x, mask, strict=True)
    ]
    return torch.stack(means) if means else x.sum(1)


def _summed(wide: Tensor, mask: Tensor) -> Tensor:
    return wide.masked_fill(~mask.unsqueeze(-1), 0).sum(1)


def _divided(
    x: Tensor, mask: Tensor, count: Callable[[Tensor], Tensor], summed: Callable[[Tensor, Tensor], Tensor] = _summed
) -> Tensor:
    return (summed(x.float(), mask) / count(mask)).to(x.dtype)


def _real(mask: Tensor) -> Tensor:
    return mask.sum(-1, keepdim=True).clamp(min=1)


@mean_pool.right("weights that add up to 1, in one product per text")
def by_weights(x: Tensor, mask: Tensor) -> Tensor:
    weights = mask.float() / _real(mask)
    return torch.einsum("bs,bsd->bd", weights, torch.where(mask.unsqueeze(-1), x, 0).float()).to(x.dtype)


@mean_pool.right("one token after the other")
def in_order(x: Tensor, mask: Tensor) -> Tensor:
    total = torch.zeros(x.shape[0], x.shape[2])
    for token, real in zip(x.float().unbind(1), mask.unbind(1), strict=True):
        total[real] += token[real]
    return (total / _real(mask)).to(x.dtype)


@mean_pool.right("nanmean, after padding was set to NaN")
def by_nanmean(x: Tensor, mask: Tensor) -> Tensor:
    mean = x.float().masked_fill(~mask.unsqueeze(-1), torch.nan).nanmean(1)
    return mean.masked_fill(~mask.any(-1, keepdim=True), 0.0).to(x.dtype)


@mean_pool.wrong("padding was averaged too: use the mask")
def counts_padding(x: Tensor, mask: Tensor) -> Tensor:
    return x.float().mean(1).to(x.dtype)


@mean_pool.wrong("the sum was divided by the padded length: leave padding out of the count too")
def by_the_padded_length(x: Tensor, mask: Tensor) -> Tensor:
    return _divided(x, mask, lambda m: torch.tensor(m.shape[1]))


@mean_pool.wrong("the sum was divided by the length of the longest text: each text has its own number of tokens")
def by_the_longest(x: Tensor, mask: Tensor) -> Tensor:
    return _divided(x, mask, lambda m: _real(m).amax() if len(m) else torch.tensor(1))


@mean_pool.wrong("the sum was returned: return the mean, or long texts get long vectors")
def summed_only(x: Tensor, mask: Tensor) -> Tensor:
    return _divided(x, mask, lambda m: torch.tensor(1))


@mean_pool.wrong("the mask was inverted: True marks the tokens to keep")
def inverted(x: Tensor, mask: Tensor) -> Tensor:
    return _divided(x, ~mask, _real)


@mean_pool.wrong("the vectors were multiplied by the mask: 0 · inf and 0 · NaN are NaN; fill or select instead")
def multiplied(x: Tensor, mask: Tensor) -> Tensor:
    return _divided(x, mask, _real, lambda wide, m: (wide * m.unsqueeze(-1)).sum(1))


@mean_pool.wrong("inf and NaN were replaced by 0 at real tokens too: only padding has no effect")
def cleaned_everywhere(x: Tensor, mask: Tensor) -> Tensor:
    return _divided(x.nan_to_num(0.0, 0.0, 0.0), mask, _real)


@mean_pool.wrong("the first place was taken, as in CLS pooling: return the mean of all real tokens")
def first_token(x: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask.any(-1, keepdim=True), x[:, 0], 0)


@mean_pool.wrong("the last real token was taken: return the mean of all real tokens")
def last_token(x: Tensor, mask: Tensor) -> Tensor:
    last = (mask * torch.arange(mask.shape[1])).amax(-1)
    return torch.where(mask.any(-1, keepdim=True), x[torch.arange(len(x)), last], 0)


@mean_pool.wrong("the largest number of each column was taken, which is max pooling: return the mean")
def max_pooled(x: Tensor, mask: Tensor) -> Tensor:
    top = x.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(1)
    return torch.where(mask.any(-1, keepdim=True), top, 0)


@mean_pool.wrong("the first `count` places were averaged: padding may also be at the front or between tokens")
def first_places(x: Tensor, mask: Tensor) -> Tensor:
    front = torch.arange(mask.shape[1]) < mask.sum(-1, keepdim=True)
    return _divided(x, front, _real)


@mean_pool.wrong("a text without tokens was divided by 0: it must give zeros")
def nan_when_empty(x: Tensor, mask: Tensor) -> Tensor:
    return _divided(x, mask, lambda m: m.sum(-1, keepdim=True))


@mean_pool.wrong("1 was added to every count to avoid a division by 0: then all other means are too small")
def one_added(x: Tensor, mask: Tensor) -> Tensor:
    return _divided(x, mask, lambda m: m.sum(-1, keepdim=True) + 1)


@mean_pool.wrong("all tokens of the batch were averaged together: each text has its own mean")
def over_the_batch(x: Tensor, mask: Tensor) -> Tensor:
    mean = x.float()[mask].mean(0) if mask.any() else torch.zeros(x.shape[-1])
    return mean.to(x.dtype).repeat(len(x), 1)


@mean_pool.wrong("the sum was rounded to the dtype of the input before the division: 600 tokens of 200 overflow fp16")
def low_precision_inside(x: Tensor, mask: Tensor) -> Tensor:
    return x.masked_fill(~mask.unsqueeze(-1), 0).sum(1) / _real(mask)


@mean_pool.wrong("each token was divided by the length and rounded to 16 bits before the sum: round once, at the end")
def rounds_each_share(x: Tensor, mask: Tensor) -> Tensor:
    shares = x.masked_fill(~mask.unsqueeze(-1), 0) / _real(mask).unsqueeze(-1)
    return shares.to(x.dtype).float().sum(1).to(x.dtype)


mean_pool.standard_wrongs("returns_fp32", formula=by_nanmean)
