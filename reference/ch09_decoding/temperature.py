"""By exponentials of the distance to the largest logit. At t = 0, by counting to the first of the largest."""

import torch
from torch import Tensor

from reference import oracle


def _check(t: float) -> None:
    if t < 0:
        raise ValueError("negative temperature")


@oracle
def temperature(logits: Tensor, t: float) -> Tensor:
    _check(t)
    top = logits.amax(-1, keepdim=True)
    if t == 0:
        largest = logits == top
        first = largest & (largest.long().cumsum(-1) == 1)
        return torch.where(first, torch.ones_like(logits), torch.zeros_like(logits))
    e = torch.exp((logits - top) / t)
    return e / e.sum(-1, keepdim=True)


def _one_hot(logits: Tensor, ids: Tensor) -> Tensor:
    return torch.zeros_like(logits).scatter(-1, ids.unsqueeze(-1), 1.0)


def _hot(logits: Tensor, t: float, dim: int = -1) -> Tensor:
    """For t > 0, in float32."""
    x = logits.float()
    return torch.softmax((x - x.amax(-1, keepdim=True)) / t, dim).to(logits.dtype)


@temperature.right("log-probabilities, with the largest subtracted before the division")
def by_log_softmax(logits: Tensor, t: float) -> Tensor:
    _check(t)
    if t == 0:
        return _one_hot(logits, logits.argmax(-1))
    log_p = torch.log_softmax(logits.float(), -1)
    log_p = (log_p - log_p.amax(-1, keepdim=True)) / t
    return torch.exp(log_p - torch.logsumexp(log_p, -1, keepdim=True)).to(logits.dtype)


@temperature.right("row by row")
def by_rows(logits: Tensor, t: float) -> Tensor:
    _check(t)
    rows = []
    for row in logits.float().reshape(-1, logits.shape[-1]):
        if t == 0:
            values = row.tolist()
            p = torch.zeros(len(values))
            p[values.index(max(values))] = 1.0
        else:
            e = torch.exp((row - row.max()).double() / t)
            p = (e / e.sum()).float()
        rows.append(p)
    return torch.stack(rows).reshape(logits.shape).to(logits.dtype) if rows else torch.zeros_like(logits)


@temperature.wrong("the logits were multiplied by t: divide by t, so that a small t spreads them")
def multiplies(logits: Tensor, t: float) -> Tensor:
    _check(t)
    return _one_hot(logits, logits.argmax(-1)) if t == 0 else torch.softmax(logits.float() * t, -1).to(logits.dtype)


@temperature.wrong("the logits were divided by t = 0: x / 0 is inf or NaN, so 0 needs its own case, the largest logit")
def divides_by_zero(logits: Tensor, t: float) -> Tensor:
    _check(t)
    return _hot(logits, t)


@temperature.wrong("1 / t was computed first: at t = 0 Python raises ZeroDivisionError; 0 needs its own case")
def reciprocal(logits: Tensor, t: float) -> Tensor:
    _check(t)
    x = logits.float()
    return torch.softmax((x - x.amax(-1, keepdim=True)) * (1 / t), -1).to(logits.dtype)


@temperature.wrong("a tiny t was used for t = 0: logits that are closer than this t still share the probability")
def tiny_for_zero(logits: Tensor, t: float) -> Tensor:
    _check(t)
    return _hot(logits, max(t, 1e-6) if t == 0 else t)


@temperature.wrong(
    "a small t was raised to 1e-6: near-equal logits then get nearly the same probability; only 0 is special"
)
def raised(logits: Tensor, t: float) -> Tensor:
    _check(t)
    return _hot(logits, max(t, 1e-6)) if t else _one_hot(logits, logits.argmax(-1))


@temperature.wrong(
    "the maximum of the whole batch was subtracted: each row has its own, and low rows lose all probability"
)
def maximum_of_all(logits: Tensor, t: float) -> Tensor:
    _check(t)
    if t == 0:
        return _one_hot(logits, logits.argmax(-1))
    wide = logits.float()
    return torch.softmax((wide - wide.amax()) / t if wide.numel() else wide, -1).to(logits.dtype)


@temperature.wrong("t = 0 was refused: it means the largest logit; raise ValueError only for negative t")
def zero_refused(logits: Tensor, t: float) -> Tensor:
    if t <= 0:
        raise ValueError("t must be positive")
    return _hot(logits, t)


@temperature.wrong("at t = 0 equal logits share the probability: greedy decoding takes one token, here the lowest id")
def ties_share(logits: Tensor, t: float) -> Tensor:
    _check(t)
    if t:
        return _hot(logits, t)
    best = (logits == logits.amax(-1, keepdim=True)).float()
    return (best / best.sum(-1, keepdim=True)).to(logits.dtype)


@temperature.wrong("at t = 0 the highest id among equal logits was taken: take the lowest")
def last_of_equals(logits: Tensor, t: float) -> Tensor:
    _check(t)
    return _hot(logits, t) if t else _one_hot(logits, logits.shape[-1] - 1 - logits.flip(-1).argmax(-1))


@temperature.wrong("at t = 0 the id of the token was returned: return a distribution with 1 at that id and 0 elsewhere")
def id_for_distribution(logits: Tensor, t: float) -> Tensor:
    _check(t)
    return _hot(logits, t) if t else logits.argmax(-1)


@temperature.wrong("at t = 0 one_hot returned integers: probabilities have the dtype of the logits")
def integers_at_zero(logits: Tensor, t: float) -> Tensor:
    _check(t)
    return _hot(logits, t) if t else _one_hot(logits, logits.argmax(-1)).long()


@temperature.wrong("at t = 0 the largest logit of the whole batch was taken: every row has its own")
def one_for_all_rows(logits: Tensor, t: float) -> Tensor:
    _check(t)
    if t:
        return _hot(logits, t)
    out = torch.zeros(logits.numel(), dtype=logits.dtype)
    if out.numel():
        out[logits.argmax()] = 1.0
    return out.reshape(logits.shape)


@temperature.wrong("t = 0 was taken as 'off': without a division it is temperature 1, not greedy decoding")
def zero_is_off(logits: Tensor, t: float) -> Tensor:
    _check(t)
    return _hot(logits, t or 1.0)


@temperature.wrong(
    "the division came before the maximum was subtracted: a small t sends logits to inf, and inf − inf is NaN"
)
def divided_first(logits: Tensor, t: float) -> Tensor:
    _check(t)
    return _one_hot(logits, logits.argmax(-1)) if t == 0 else torch.softmax(logits.float() / t, -1).to(logits.dtype)


@temperature.wrong("exp of logits / t was taken with no maximum subtracted: it overflows above 88.7")
def no_maximum(logits: Tensor, t: float) -> Tensor:
    _check(t)
    if t == 0:
        return _one_hot(logits, logits.argmax(-1))
    e = torch.exp(logits.float() / t)
    return (e / e.sum(-1, keepdim=True)).to(logits.dtype)


@temperature.wrong("probabilities were raised to 1/t and not normalized: they no longer add up to 1")
def not_renormalised(logits: Tensor, t: float) -> Tensor:
    _check(t)
    if t == 0:
        return _one_hot(logits, logits.argmax(-1))
    return torch.exp(torch.log_softmax(logits.float(), -1) / t).to(logits.dtype)


@temperature.wrong("probabilities were divided by t and softmax was taken again: divide the logits")
def softmax_twice(logits: Tensor, t: float) -> Tensor:
    _check(t)
    return (
        _one_hot(logits, logits.argmax(-1)) if t == 0 else _hot(torch.softmax(logits.float(), -1), t).to(logits.dtype)
    )


@temperature.wrong("the division was in low precision: upcast first, and round once at the end")
def low_precision_inside(logits: Tensor, t: float) -> Tensor:
    _check(t)
    if t == 0:
        return _one_hot(logits, logits.argmax(-1))
    return torch.softmax(((logits - logits.amax(-1, keepdim=True)) / t).float(), -1).to(logits.dtype)


temperature.standard_wrongs("returns_fp32", of="the logits")


@temperature.wrong("a negative t was accepted: it makes the least likely token the most likely; raise ValueError")
def negative_allowed(logits: Tensor, t: float) -> Tensor:
    return _hot(logits, t) if t else temperature.fn(logits, t)


@temperature.wrong("softmax was taken along the first axis: the tokens are the last axis")
def first_axis(logits: Tensor, t: float) -> Tensor:
    _check(t)
    return _one_hot(logits, logits.argmax(-1)) if t == 0 else _hot(logits, t, 0)
