"""Padded with −inf and sorted in descending order: the first value is the maximum, or the pad if the row is empty."""

from collections.abc import Callable

import torch
from torch import Tensor

from reference import oracle


@oracle
def logsumexp(x: Tensor, dim: int = -1) -> Tensor:
    rows = x.movedim(dim, -1)
    pad = torch.full((*rows.shape[:-1], 1), -torch.inf, dtype=x.dtype)
    ordered = torch.cat([rows, pad], -1).sort(-1, descending=True).values
    top = ordered[..., :1]
    shift = torch.where(top.isinf(), torch.zeros_like(top), top)
    return (shift + torch.log(torch.exp(ordered - shift).sum(-1, keepdim=True))).squeeze(-1)


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _shifted(s: Tensor, dim: int, shift: Tensor) -> Tensor:
    return shift.squeeze(dim) + torch.exp(s - shift).sum(dim).log()


def _with_edges(x: Tensor, dim: int, formula: Callable[[Tensor], Tensor]) -> Tensor:
    """`formula` on rows of finite numbers in float32; what the contract says for the others."""
    s = _wide(x)
    right = logsumexp.fn(s, dim)
    if s.shape[dim] == 0:
        return right.to(x.dtype)
    return torch.where(right.isinf(), right, formula(s)).to(x.dtype)


@logsumexp.right("the library's, in float32")
def library(x: Tensor, dim: int = -1) -> Tensor:
    return torch.logsumexp(x.float(), dim).to(x.dtype)


@logsumexp.right("a running maximum and a running sum, as in FlashAttention")
def online(x: Tensor, dim: int = -1) -> Tensor:
    rows = x.float().movedim(dim, -1)
    top = torch.full(rows.shape[:-1], -torch.inf)
    total = torch.zeros(rows.shape[:-1])
    for score in rows.unbind(-1):
        new = torch.maximum(top, score)
        safe = new.masked_fill(new.isinf(), 0)
        total = total * torch.exp(top - safe) + torch.exp(score - safe)
        top = new
    return (top.masked_fill(top.isinf(), 0) + total.log()).to(x.dtype)


@logsumexp.right("score by score with logaddexp")
def pairwise(x: Tensor, dim: int = -1) -> Tensor:
    rows = x.float().movedim(dim, -1)
    result = torch.full(rows.shape[:-1], -torch.inf)
    for score in rows.unbind(-1):
        result = torch.logaddexp(result, score)
    return result.to(x.dtype)


@logsumexp.right("a score minus the log of its softmax")
def by_log_softmax(x: Tensor, dim: int = -1) -> Tensor:
    def formula(s: Tensor) -> Tensor:
        p = torch.log_softmax(s, dim)
        best = s.argmax(dim, keepdim=True)
        return (s.gather(dim, best) - p.gather(dim, best)).squeeze(dim)

    return _with_edges(x, dim, formula)


@logsumexp.wrong(
    "log(sum(exp(x))) without a shift: exp overflows for large scores, and very negative scores give a sum of 0"
)
def naive(x: Tensor, dim: int = -1) -> Tensor:
    return torch.exp(x).sum(dim).log()


@logsumexp.wrong("upcast to float32, but not shifted: exp overflows from 88.7 on, and below −104 it is 0")
def upcast_only(x: Tensor, dim: int = -1) -> Tensor:
    return naive(x.float(), dim).to(x.dtype)


@logsumexp.wrong("exp in float64 instead of a shift: it overflows from 710 on")
def float64_exp(x: Tensor, dim: int = -1) -> Tensor:
    return naive(x.double(), dim).to(x.dtype)


@logsumexp.wrong("the scores were clamped, not shifted: all scores beyond the bound give the same result")
def clamped(x: Tensor, dim: int = -1) -> Tensor:
    return _with_edges(x, dim, lambda s: naive(s.clamp(-80, 80), dim))


@logsumexp.wrong("the maximum of the whole tensor was subtracted, not of each row: rows of small scores give −inf")
def global_max(x: Tensor, dim: int = -1) -> Tensor:
    return _with_edges(x, dim, lambda s: s.max() + naive(s - s.max(), dim))


@logsumexp.wrong("the mean was subtracted, not the maximum: one score far above the rest still overflows")
def mean_for_max(x: Tensor, dim: int = -1) -> Tensor:
    return _with_edges(x, dim, lambda s: _shifted(s, dim, s.mean(dim, keepdim=True)))


@logsumexp.wrong("the maximum was subtracted and not added back: log(exp(−c) · Σ) is log Σ − c")
def not_added_back(x: Tensor, dim: int = -1) -> Tensor:
    return _with_edges(x, dim, lambda s: naive(s - s.amax(dim, keepdim=True), dim))


@logsumexp.wrong("only the maximum was returned: the other scores add to it; n equal scores add log(n)")
def just_the_maximum(x: Tensor, dim: int = -1) -> Tensor:
    return _with_edges(x, dim, lambda s: s.amax(dim))


@logsumexp.wrong("the mean of the powers was taken, not their sum: the result is too small by log(n)")
def mean_of_powers(x: Tensor, dim: int = -1) -> Tensor:
    return _with_edges(x, dim, lambda s: logsumexp.fn(s, dim) - torch.tensor(float(s.shape[dim])).log())


@logsumexp.wrong("a row of −inf gives NaN: (−inf) − (−inf) is not a number")
def nan_when_hidden(x: Tensor, dim: int = -1) -> Tensor:
    if x.shape[dim] == 0:
        return logsumexp.fn(x, dim)
    s = x.float()
    top = s.amax(dim, keepdim=True)
    return _shifted(s, dim, top.masked_fill(top == torch.inf, 0)).to(x.dtype)


@logsumexp.wrong("a row that holds +inf gives NaN: inf − inf is not a number, so shift such a row by 0")
def nan_when_infinite(x: Tensor, dim: int = -1) -> Tensor:
    if x.shape[dim] == 0:
        return logsumexp.fn(x, dim)
    s = x.float()
    top = s.amax(dim, keepdim=True)
    return _shifted(s, dim, top.masked_fill(top == -torch.inf, 0)).to(x.dtype)


@logsumexp.wrong("infinities of either sign give NaN: shift by 0 if the maximum is infinite")
def nan_when_either(x: Tensor, dim: int = -1) -> Tensor:
    if x.shape[dim] == 0:
        return logsumexp.fn(x, dim)
    s = x.float()
    return _shifted(s, dim, s.amax(dim, keepdim=True)).to(x.dtype)


@logsumexp.wrong("the maximum of a row of length 0 was taken: such a row has no maximum, and its sum is 0")
def no_empty_rows(x: Tensor, dim: int = -1) -> Tensor:
    s = x.float()
    top = s.amax(dim, keepdim=True)
    return _shifted(s, dim, top.masked_fill(top.isinf(), 0)).to(x.dtype)


@logsumexp.wrong("a masked row gives 0: clamping the sum at 1 is right in softmax, but here the result must be −inf")
def zero_when_hidden(x: Tensor, dim: int = -1) -> Tensor:
    right = logsumexp.fn(x.float(), dim)
    return right.masked_fill(right == -torch.inf, 0.0).to(x.dtype)


@logsumexp.wrong(
    "−inf was replaced by a finite number such as −1e9: a masked row is then finite, and its weight is not 0"
)
def finite_for_hidden(x: Tensor, dim: int = -1) -> Tensor:
    s = x.float()
    return logsumexp.fn(s.masked_fill(s == -torch.inf, -1e9), dim).to(x.dtype)


@logsumexp.wrong("no error for a missing axis: a vector has no dim 1, so raise IndexError")
def no_error(x: Tensor, dim: int = -1) -> Tensor:
    return logsumexp.fn(x.float(), dim % x.dim()).to(x.dtype)


@logsumexp.wrong("a small number was added inside the logarithm: a masked row is then finite, and its weight is not 0")
def epsilon_inside(x: Tensor, dim: int = -1) -> Tensor:
    right = logsumexp.fn(x.float(), dim)
    return torch.where(right == -torch.inf, torch.tensor(1e-9).log(), right).to(x.dtype)


@logsumexp.wrong("`dim` was ignored: the sum always ran along the last axis")
def ignores_dim(x: Tensor, dim: int = -1) -> Tensor:
    x.sum(dim)
    return logsumexp.fn(x.float(), -1).to(x.dtype)


@logsumexp.wrong("the axis of the sum was kept with size 1: remove it")
def keeps_the_axis(x: Tensor, dim: int = -1) -> Tensor:
    return logsumexp.fn(x.float(), dim).unsqueeze(dim).to(x.dtype)


logsumexp.standard_wrongs("returns_fp32", "low_precision_inside")


@logsumexp.wrong("the running result was rounded to the dtype of the input after each score: keep it in float32")
def rounded_each_time(x: Tensor, dim: int = -1) -> Tensor:
    total = torch.full_like(x.sum(dim), -torch.inf)
    for score in x.unbind(dim):
        total = torch.logaddexp(total.float(), score.float()).to(x.dtype)
    return total


@logsumexp.wrong("every axis of length 1 was removed: remove only `dim`")
def squeezes_everything(x: Tensor, dim: int = -1) -> Tensor:
    return logsumexp.fn(x.float(), dim).squeeze().to(x.dtype)
