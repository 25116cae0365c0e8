"""Walking along each row until its number is passed."""

import torch
from torch import Tensor

from reference import oracle


def _check(u: Tensor) -> None:
    if not all(0 <= x < 1 for x in u.reshape(-1).tolist()):
        raise ValueError("u must be in [0, 1)")


def _walk(row: list[float], spot: float) -> int:
    end = 0.0
    for i, x in enumerate(row):
        end += x
        if spot < end:
            return i
    return max(i for i, x in enumerate(row) if x)


@oracle
def sample(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    rows, numbers = p.reshape(-1, p.shape[-1]).double().tolist(), u.reshape(-1).tolist()
    ids = [_walk(row, x * sum(row)) for row, x in zip(rows, numbers, strict=True)]
    return torch.tensor(ids, dtype=torch.int64).reshape(u.shape)


def _ends(p: Tensor) -> tuple[Tensor, Tensor]:
    ends = p.float().cumsum(-1)
    return ends, ends[..., -1]


@sample.right("by binary search, from the right")
def by_searchsorted(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ends, total = _ends(p)
    return torch.searchsorted(ends.contiguous(), (u * total).unsqueeze(-1), right=True).squeeze(-1)


@sample.right("the row divided by its sum first")
def normalised_first(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ends = (p.double() / p.double().sum(-1, keepdim=True)).cumsum(-1)
    return (ends <= u.double().unsqueeze(-1)).sum(-1)


@sample.right("the first stretch that ends beyond the spot")
def by_argmax(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ends, total = _ends(p)
    return (ends > (u * total).unsqueeze(-1)).long().argmax(-1)


@sample.wrong("a stretch counted with its end: u = 0 draws token 0 even if that has probability 0")
def end_included(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ends, total = _ends(p)
    return (ends < (u * total).unsqueeze(-1)).sum(-1)


@sample.wrong("u not scaled by the row's sum: where the row adds up to less than 1, u falls off its end")
def falls_off(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    return (_ends(p)[0] <= u.unsqueeze(-1)).sum(-1)


@sample.wrong("a u beyond the row's sum given to the last id: scale u instead, that id may be ruled out")
def clamped_to_the_last(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    return (_ends(p)[0] <= u.unsqueeze(-1)).sum(-1).clamp(max=p.shape[-1] - 1)


@sample.wrong("added up in the input's dtype: from 1/2 on a bf16 sum moves in steps of 1/256; use float32")
def low_precision_inside(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    cdf = p.cumsum(-1).float()
    return (cdf <= (u * cdf[..., -1]).unsqueeze(-1)).sum(-1)


@sample.wrong("every row divided by the mean of all sums: each row has its own sum")
def sum_of_all_rows(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    wide = p.float()
    ends = (wide / wide.sum() * u.numel()).cumsum(-1)
    return (ends <= u.unsqueeze(-1)).sum(-1).clamp(max=p.shape[-1] - 1)


@sample.wrong("u rounded to the dtype of p: a rounded number falls on another stretch; both belong in float32")
def rounded_number(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ends, total = _ends(p)
    return (ends <= (u.to(p.dtype).float() * total).unsqueeze(-1)).sum(-1)


@sample.wrong("the likeliest token, whatever u is: that is greedy decoding")
def greedy(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    return p.argmax(-1)


@sample.wrong("u · n rounded down: that draws all tokens alike")
def uniform(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    return (u * p.shape[-1]).long()


@sample.wrong("the first token whose own probability is above u: it is the sums that are compared")
def own_probability(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    return (p.float() > u.unsqueeze(-1)).long().argmax(-1)


@sample.wrong("the probability nearest to u")
def nearest(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    return (p.float() - u.unsqueeze(-1)).abs().argmin(-1)


@sample.wrong("laid out from the likeliest down: the order of the ids is asked for")
def by_probability(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ranked, ids = p.float().sort(dim=-1, descending=True, stable=True)
    ends = ranked.cumsum(-1)
    place = (ends <= (u * ends[..., -1]).unsqueeze(-1)).sum(-1, keepdim=True)
    return ids.gather(-1, place).squeeze(-1)


@sample.wrong("the place in the sorted row returned: a token is named by its id")
def rank_for_id(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ends = p.float().sort(dim=-1, descending=True).values.cumsum(-1)
    return (ends <= (u * ends[..., -1]).unsqueeze(-1)).sum(-1)


@sample.wrong("laid out from the last id: token 0 comes first")
def from_the_end(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ends, total = _ends(p.flip(-1))
    return p.shape[-1] - 1 - (ends <= (u * total).unsqueeze(-1)).sum(-1)


@sample.wrong("the first number used for every row: each row has its own")
def one_number_for_all(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ends, total = _ends(p)
    one = u.reshape(-1)[0].expand(u.shape) if u.numel() else u
    return (ends <= (one * total).unsqueeze(-1)).sum(-1)


@sample.wrong("one id too high: the drawn token is the first whose sum is above the spot")
def one_too_high(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    return sample.fn(p, u) + 1


@sample.wrong("ids as int32: int64 is asked for, as everywhere in torch")
def as_int32(p: Tensor, u: Tensor) -> Tensor:
    return sample.fn(p, u).int()


@sample.wrong("a u outside 0 to 1 let through: raise ValueError, for 1 as well")
def any_u(p: Tensor, u: Tensor) -> Tensor:
    ends, total = _ends(p)
    return (ends <= (u * total).unsqueeze(-1)).sum(-1)


@sample.wrong("a negative u let through: raise ValueError")
def negative_allowed(p: Tensor, u: Tensor) -> Tensor:
    if (u >= 1).any():
        raise ValueError("u must be in [0, 1)")
    return any_u(p, u)


@sample.wrong("u = 1 let through: no stretch holds the end of the line; raise ValueError")
def one_allowed(p: Tensor, u: Tensor) -> Tensor:
    if ((u < 0) | (u > 1)).any():
        raise ValueError("u must be in [0, 1)")
    return any_u(p, u)
