"""The sum runs over the visible keys only: no score of −inf, and no softmax of the library."""

import torch
from torch import Tensor

from reference import oracle


@oracle
def apply_mask(scores: Tensor, hidden: Tensor) -> Tensor:
    zero = torch.zeros_like(scores)
    if not scores.shape[-1]:
        return zero
    hidden = hidden.expand(scores.shape)
    lowest = torch.full_like(scores, torch.finfo(scores.dtype).min)
    top = torch.where(hidden, lowest, scores).amax(-1, keepdim=True)
    shifted = torch.where(hidden, zero, scores - top)
    e = torch.where(hidden, zero, torch.exp(shifted))
    total = e.sum(-1, keepdim=True)
    return torch.where(hidden, zero, e / torch.where(total == 0, torch.ones_like(total), total))


def _softmax(scores: Tensor, dim: int = -1) -> Tensor:
    return torch.softmax(scores, dim)


def _filled(scores: Tensor, hidden: Tensor, value: float) -> Tensor:
    return scores.float().masked_fill(hidden, value)


@apply_mask.right("filled with −inf, with the NaN of hidden rows set to zero")
def nan_to_zero(scores: Tensor, hidden: Tensor) -> Tensor:
    return _softmax(_filled(scores, hidden, -torch.inf)).nan_to_num(0.0).to(scores.dtype)


@apply_mask.right("softmax of the visible scores of each row, one row at a time")
def by_selection(scores: Tensor, hidden: Tensor) -> Tensor:
    hidden = hidden.expand(scores.shape)
    out = torch.zeros(scores.shape)
    rows = scores.float().reshape(-1, scores.shape[-1])
    for row, mask, result in zip(rows, hidden.reshape(rows.shape), out.view(rows.shape), strict=True):
        result[~mask] = _softmax(row[~mask])
    return out.to(scores.dtype)


@apply_mask.right("shift, exp and divide by hand, with hidden terms left out of the sum")
def by_hand(scores: Tensor, hidden: Tensor) -> Tensor:
    masked = _filled(scores, hidden, -torch.inf)
    e = torch.exp(masked - masked.amax(-1, keepdim=True).clamp(min=-3e38))
    return (e / e.sum(-1, keepdim=True).clamp(min=1)).to(scores.dtype)


@apply_mask.wrong("the mask was used the wrong way round: True means hidden")
def inverted(scores: Tensor, hidden: Tensor) -> Tensor:
    return _softmax(_filled(scores, ~hidden, -torch.inf)).masked_fill(~hidden, 0).to(scores.dtype)


@apply_mask.wrong("the weights were set to 0 after softmax: the other weights of a row no longer add up to 1")
def after_softmax(scores: Tensor, hidden: Tensor) -> Tensor:
    return _softmax(scores.float()).masked_fill(hidden, 0).to(scores.dtype)


@apply_mask.wrong(
    "keys were hidden after softmax and the others normalized again: a large hidden score makes them all 0"
)
def renormalised(scores: Tensor, hidden: Tensor) -> Tensor:
    weights = _softmax(scores.float()).masked_fill(hidden, 0)
    total = weights.sum(-1, keepdim=True)
    return (weights / total.masked_fill(total == 0, 1)).to(scores.dtype)


@apply_mask.wrong("hidden scores were set to 0: exp(0) is 1, so hidden keys still get weight; use −inf")
def zero_filled(scores: Tensor, hidden: Tensor) -> Tensor:
    return _softmax(_filled(scores, hidden, 0.0)).to(scores.dtype)


@apply_mask.wrong("a row with all keys hidden gives NaN: softmax there is 0/0")
def nan_rows(scores: Tensor, hidden: Tensor) -> Tensor:
    return _softmax(_filled(scores, hidden, -torch.inf)).to(scores.dtype)


@apply_mask.wrong(
    "a finite number such as −1e4 was used for −inf: visible scores can be lower, and a hidden row becomes an average"
)
def minus_ten_thousand(scores: Tensor, hidden: Tensor) -> Tensor:
    return _softmax(_filled(scores, hidden, -1e4)).to(scores.dtype)


@apply_mask.wrong(
    "the lowest finite number was used for −inf: a row with all keys hidden becomes an average of all keys"
)
def lowest_finite(scores: Tensor, hidden: Tensor) -> Tensor:
    return _softmax(_filled(scores, hidden, torch.finfo(torch.float32).min)).to(scores.dtype)


@apply_mask.wrong(
    "the mask was removed from rows that it hides entirely: such a query then sees hidden keys; return zeros"
)
def lifted(scores: Tensor, hidden: Tensor) -> Tensor:
    hidden = hidden.expand(scores.shape)
    return _softmax(_filled(scores, hidden & ~hidden.all(-1, keepdim=True), -torch.inf)).to(scores.dtype)


@apply_mask.wrong("mask · −inf was added to the scores: 0 · −inf is NaN")
def times_inf(scores: Tensor, hidden: Tensor) -> Tensor:
    return _softmax(scores.float() + hidden.float() * -torch.inf).to(scores.dtype)


@apply_mask.wrong("−inf was added to hidden scores: inf − inf is NaN, and NaN stays NaN; replace the scores by −inf")
def added(scores: Tensor, hidden: Tensor) -> Tensor:
    bias = torch.zeros(hidden.shape).masked_fill(hidden, -torch.inf)
    return _softmax(scores.float() + bias).masked_fill(hidden, 0).to(scores.dtype)


@apply_mask.wrong(
    "softmax was taken over the queries: take it over the keys (the last axis), so that a query's weights add up to 1"
)
def over_queries(scores: Tensor, hidden: Tensor) -> Tensor:
    return _softmax(_filled(scores, hidden, -torch.inf), -2).masked_fill(hidden, 0).to(scores.dtype)


@apply_mask.wrong("exp was taken without subtracting the row's maximum: large scores overflow")
def no_max(scores: Tensor, hidden: Tensor) -> Tensor:
    e = torch.exp(_filled(scores, hidden, -torch.inf))
    return (e / e.sum(-1, keepdim=True)).masked_fill(hidden, 0).to(scores.dtype)


@apply_mask.wrong("no maximum was subtracted, and nan_to_num hid the overflow: rows of large scores become zeros")
def overflow_swept_away(scores: Tensor, hidden: Tensor) -> Tensor:
    e = torch.exp(_filled(scores, hidden, -torch.inf))
    return (e / e.sum(-1, keepdim=True)).nan_to_num(0.0).to(scores.dtype)


@apply_mask.wrong("exp was not divided by its sum: these are not probabilities yet")
def not_normalised(scores: Tensor, hidden: Tensor) -> Tensor:
    masked = _filled(scores, hidden, -torch.inf)
    return torch.exp(masked - masked.amax(-1, keepdim=True).clamp(min=-3e38)).to(scores.dtype)


apply_mask.standard_wrongs("low_precision_inside")
apply_mask.standard_wrongs("returns_fp32", of="the scores")


@apply_mask.wrong("the input was changed: masked_fill_ writes in place, and .float() of a float32 tensor makes no copy")
def in_place(scores: Tensor, hidden: Tensor) -> Tensor:
    return _softmax(scores.float().masked_fill_(hidden, -torch.inf)).masked_fill(hidden, 0).to(scores.dtype)


@apply_mask.wrong(
    "hidden scores were multiplied by −inf: a negative score becomes +inf, and 0 · −inf is NaN; replace them by −inf"
)
def multiplied(scores: Tensor, hidden: Tensor) -> Tensor:
    return _softmax(scores.float() * torch.where(hidden, -torch.inf, 1.0)).to(scores.dtype)


@apply_mask.wrong(
    "hidden scores were multiplied by −inf: a negative score becomes +inf, and nan_to_num makes the row zeros"
)
def multiplied_swept_away(scores: Tensor, hidden: Tensor) -> Tensor:
    return _softmax(scores.float() * torch.where(hidden, -torch.inf, 1.0)).nan_to_num(0.0).to(scores.dtype)


@apply_mask.wrong("mask · −inf was added to the scores: 0 · −inf is NaN, and nan_to_num makes whole rows zeros")
def times_inf_swept_away(scores: Tensor, hidden: Tensor) -> Tensor:
    return _softmax(scores.float() + hidden.float() * -torch.inf).nan_to_num(0.0).to(scores.dtype)


@apply_mask.wrong(
    "−inf was added to hidden scores: inf − inf is NaN, and nan_to_num makes the whole row zeros; replace them"
)
def added_swept_away(scores: Tensor, hidden: Tensor) -> Tensor:
    bias = torch.zeros(hidden.shape).masked_fill(hidden, -torch.inf)
    return _softmax(scores.float() + bias).nan_to_num(0.0).to(scores.dtype)


@apply_mask.wrong(
    "scores[hidden] = … needs a mask of the full shape: masked_fill and torch.where broadcast a smaller mask"
)
def by_boolean_index(scores: Tensor, hidden: Tensor) -> Tensor:
    masked = scores.float().clone()
    masked[hidden] = -torch.inf
    return _softmax(masked).masked_fill(hidden, 0).to(scores.dtype)


@apply_mask.wrong(
    "softmax was taken over axis 1: in (b, h, q, k) these are the heads; the keys are always the last axis, −1"
)
def over_axis_one(scores: Tensor, hidden: Tensor) -> Tensor:
    return _softmax(_filled(scores, hidden, -torch.inf), 1).masked_fill(hidden, 0).to(scores.dtype)


@apply_mask.wrong(
    "a finite number such as −1e4 was used for −inf: visible scores can be lower, and then hidden keys get the weight"
)
def finite_but_rows(scores: Tensor, hidden: Tensor) -> Tensor:
    gone = hidden.expand(scores.shape).all(-1, keepdim=True)
    return _softmax(_filled(scores, hidden, -1e4)).masked_fill(gone, 0).to(scores.dtype)


@apply_mask.wrong(
    "a finite number such as −1e4 was used for −inf: visible scores can be lower, and then their weights are lost"
)
def finite_then_zeros(scores: Tensor, hidden: Tensor) -> Tensor:
    return _softmax(_filled(scores, hidden, -1e4)).masked_fill(hidden, 0).to(scores.dtype)


@apply_mask.wrong(
    "−inf was added to hidden scores: inf − inf is NaN, and the whole row becomes NaN; replace the scores by −inf"
)
def added_but_rows(scores: Tensor, hidden: Tensor) -> Tensor:
    bias = torch.zeros(hidden.shape).masked_fill(hidden, -torch.inf)
    gone = hidden.expand(scores.shape).all(-1, keepdim=True)
    return _softmax(scores.float() + bias).masked_fill(gone, 0).to(scores.dtype)


@apply_mask.wrong(
    "exp was taken without subtracting the row's maximum: large scores overflow, and low ones become rows of zeros"
)
def no_max_guarded(scores: Tensor, hidden: Tensor) -> Tensor:
    e = torch.exp(_filled(scores, hidden, -torch.inf))
    total = e.sum(-1, keepdim=True)
    return (e / total.masked_fill(total == 0, 1)).to(scores.dtype)
