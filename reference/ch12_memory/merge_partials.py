"""The sums and weighted sums, relative to the larger log-sum-exp, added and divided once more."""

import torch
from torch import Tensor

from reference import oracle

Partial = tuple[Tensor, Tensor]
INF = torch.inf


@oracle
def merge_partials(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    top = torch.maximum(lse_a, lse_b)
    hidden = top == -INF
    shift = torch.where(hidden, torch.zeros_like(top), top)
    a, b = torch.exp(lse_a - shift), torch.exp(lse_b - shift)
    total = torch.where(hidden, torch.ones_like(top), a + b)
    out = (a.unsqueeze(1) * out_a + b.unsqueeze(1) * out_b) / total.unsqueeze(1)
    return out.to(out_a.dtype), torch.where(hidden, top, shift + torch.log(total))


def _mixed(out_a: Tensor, out_b: Tensor, a: Tensor, b: Tensor) -> Tensor:
    wide = torch.promote_types(out_a.dtype, torch.float32)
    return (a[:, None] * out_a.to(wide) + b[:, None] * out_b.to(wide)).to(out_a.dtype)


def _lse(lse_a: Tensor, lse_b: Tensor) -> Tensor:
    return torch.logaddexp(lse_a, lse_b)


def _shares(lse_a: Tensor, lse_b: Tensor) -> Partial:
    safe = _lse(lse_a, lse_b).nan_to_num(neginf=0.0)
    return torch.exp(lse_a - safe), torch.exp(lse_b - safe)


@merge_partials.right("a softmax over the two log-sum-exps")
def by_softmax(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    shares = torch.softmax(torch.stack([lse_a, lse_b]), 0).nan_to_num(0.0)
    return _mixed(out_a, out_b, shares[0], shares[1]), torch.stack([lse_a, lse_b]).logsumexp(0)


@merge_partials.right("the shares are computed from the new log-sum-exp")
def by_whole(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    return _mixed(out_a, out_b, *_shares(lse_a, lse_b)), _lse(lse_a, lse_b)


@merge_partials.right("a sigmoid of the difference")
def by_sigmoid(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    share = torch.sigmoid(lse_b - lse_a).nan_to_num(0.0)
    return _mixed(out_a, out_b, 1 - share, share), _lse(lse_a, lse_b)


@merge_partials.right("both parts are relative to the larger log-sum-exp")
def larger_first(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    top = torch.maximum(lse_a, lse_b).nan_to_num(neginf=0.0)
    a, b = torch.exp(lse_a - top), torch.exp(lse_b - top)
    total = a + b
    whole = total.masked_fill(total == 0, 1.0)
    return _mixed(out_a, out_b, a / whole, b / whole), top + total.log()


@merge_partials.wrong("the two results were averaged: the part with the larger sum of exps has the larger share")
def averaged(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    half = torch.full_like(lse_a, 0.5)
    return _mixed(out_a, out_b, half, half), _lse(lse_a, lse_b)


@merge_partials.wrong("the two results were added: each is already an average, so the shares must add up to 1")
def added(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    one = torch.ones_like(lse_a)
    return _mixed(out_a, out_b, one, one), _lse(lse_a, lse_b)


@merge_partials.wrong("the log-sum-exps were used as shares: take their exps, which are the sums")
def shares_of_logs(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    return _mixed(out_a, out_b, lse_a / (lse_a + lse_b), lse_b / (lse_a + lse_b)), _lse(lse_a, lse_b)


@merge_partials.wrong("exp was taken of the log-sum-exps directly: above 88.7 it overflows, and below −104 it is 0")
def overflows(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    a, b = torch.exp(lse_a), torch.exp(lse_b)
    total = a + b
    whole = torch.where(lse_a.maximum(lse_b) == -INF, 1.0, total)
    return _mixed(out_a, out_b, a / whole, b / whole), total.log()


@merge_partials.wrong("two parts without keys give NaN: −inf − (−inf) is NaN")
def nan_when_both_empty(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    lse = _lse(lse_a, lse_b)
    return _mixed(out_a, out_b, torch.exp(lse_a - lse), torch.exp(lse_b - lse)), lse


@merge_partials.wrong("the log-sum-exp is NaN if neither part could see a key: it must be −inf")
def nan_in_the_log(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    a, b = _shares(lse_a, lse_b)
    top = torch.maximum(lse_a, lse_b)
    return _mixed(out_a, out_b, a, b), top + torch.log(torch.exp(lse_a - top) + torch.exp(lse_b - top))


@merge_partials.wrong("two parts without keys give NaN in both results: the maximum is −inf, and −inf − (−inf) is NaN")
def nan_in_both(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    top = torch.maximum(lse_a, lse_b)
    a, b = torch.exp(lse_a - top), torch.exp(lse_b - top)
    return _mixed(out_a, out_b, a / (a + b), b / (a + b)), top + torch.log(a + b)


@merge_partials.wrong(
    "the log-sum-exp is 0 if neither part could see a key: it must be −inf, or the next merge counts a key"
)
def zero_in_the_log(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    return _mixed(out_a, out_b, *_shares(lse_a, lse_b)), _lse(lse_a, lse_b).nan_to_num(neginf=0.0)


@merge_partials.wrong("the two shares were swapped")
def swapped(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    a, b = _shares(lse_a, lse_b)
    return _mixed(out_a, out_b, b, a), _lse(lse_a, lse_b)


@merge_partials.wrong(
    "the shares were not divided by their sum: relative to the larger part, the shares add up to more than 1"
)
def not_normalised(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    top = torch.maximum(lse_a, lse_b).nan_to_num(neginf=0.0)
    return _mixed(out_a, out_b, torch.exp(lse_a - top), torch.exp(lse_b - top)), _lse(lse_a, lse_b)


@merge_partials.wrong("only the part with the larger log-sum-exp was used: the other part has a share too")
def winner_takes_all(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    first = (lse_a >= lse_b).float()
    return _mixed(out_a, out_b, first, 1 - first), _lse(lse_a, lse_b)


@merge_partials.wrong("the larger of the two log-sum-exps was returned: the new one is the log of the sum of both exps")
def larger_log(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    return _mixed(out_a, out_b, *_shares(lse_a, lse_b)), torch.maximum(lse_a, lse_b)


@merge_partials.wrong("the log-sum-exps were added: this multiplies the sums")
def logs_added(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    return _mixed(out_a, out_b, *_shares(lse_a, lse_b)), lse_a + lse_b


@merge_partials.wrong("the sum was returned: return its logarithm")
def no_log(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    return _mixed(out_a, out_b, *_shares(lse_a, lse_b)), _lse(lse_a, lse_b).exp()


@merge_partials.wrong("the log-sum-exp was computed in base 2: use base e")
def base_two(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    lse = torch.logaddexp2(lse_a, lse_b)
    safe = lse.nan_to_num(neginf=0.0)
    return _mixed(out_a, out_b, torch.exp2(lse_a - safe), torch.exp2(lse_b - safe)), lse


@merge_partials.wrong("the shares were rounded to the dtype of the results: keep float32 until the results are added")
def low_precision(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    a, b = _shares(lse_a, lse_b)
    return a[:, None].to(out_a.dtype) * out_a + b[:, None].to(out_a.dtype) * out_b, _lse(lse_a, lse_b)


@merge_partials.wrong("the merged result has the dtype of `out_b`: `out_a` decides the dtype")
def dtype_of_b(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    out, lse = by_whole(out_a.float(), lse_a, out_b, lse_b)
    return out.to(out_b.dtype), lse


@merge_partials.wrong(
    "the log-sum-exps were rounded to the dtype of the results: exp turns this error into a factor of the shares"
)
def low_precision_logs(out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor) -> Partial:
    a, b = lse_a.to(out_a.dtype).float(), lse_b.to(out_a.dtype).float()
    return _mixed(out_a, out_b, *_shares(a, b)), _lse(a, b)


merge_partials.standard_wrongs(
    "returns_fp32", says="the merged result is float32: return it in the dtype of `out_a`", formula=by_whole
)
