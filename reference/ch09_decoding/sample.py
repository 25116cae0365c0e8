"""Walk along each row until its number is passed."""

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


@sample.right("the first interval that ends beyond the spot")
def by_argmax(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ends, total = _ends(p)
    return (ends > (u * total).unsqueeze(-1)).long().argmax(-1)


@sample.wrong("an interval included its end: u = 0 draws token 0 even if it has probability 0")
def end_included(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ends, total = _ends(p)
    return (ends < (u * total).unsqueeze(-1)).sum(-1)


@sample.wrong("u was not scaled by the row's sum: if the row adds up to less than 1, u can lie beyond its end")
def falls_off(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    return (_ends(p)[0] <= u.unsqueeze(-1)).sum(-1)


@sample.wrong("a u beyond the row's sum went to the last id: scale u instead, because that id may have probability 0")
def clamped_to_the_last(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    return (_ends(p)[0] <= u.unsqueeze(-1)).sum(-1).clamp(max=p.shape[-1] - 1)


@sample.wrong("the sum was in the input's dtype: from 1/2 on a sum in bf16 has steps of 1/256; use float32")
def low_precision_inside(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    cdf = p.cumsum(-1).float()
    return (cdf <= (u * cdf[..., -1]).unsqueeze(-1)).sum(-1)


@sample.wrong("every row was divided by the mean of all sums: each row has its own sum")
def sum_of_all_rows(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    wide = p.float()
    ends = (wide / wide.sum() * u.numel()).cumsum(-1)
    return (ends <= u.unsqueeze(-1)).sum(-1).clamp(max=p.shape[-1] - 1)


@sample.wrong("u was rounded to the dtype of p: a rounded number falls into another interval; use float32 for both")
def rounded_number(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ends, total = _ends(p)
    return (ends <= (u.to(p.dtype).float() * total).unsqueeze(-1)).sum(-1)


@sample.wrong("the most likely token was taken, whatever u is: that is greedy decoding")
def greedy(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    return p.argmax(-1)


@sample.wrong("u · n was rounded down: that draws all tokens with the same probability")
def uniform(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    return (u * p.shape[-1]).long()


@sample.wrong("the first token whose own probability is above u was taken: compare the running sums")
def own_probability(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    return (p.float() > u.unsqueeze(-1)).long().argmax(-1)


@sample.wrong("the token whose probability is nearest to u was taken: compare u with the running sums")
def nearest(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    return (p.float() - u.unsqueeze(-1)).abs().argmin(-1)


@sample.wrong("the intervals were in the order of probability: use the order of the ids")
def by_probability(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ranked, ids = p.float().sort(dim=-1, descending=True, stable=True)
    ends = ranked.cumsum(-1)
    place = (ends <= (u * ends[..., -1]).unsqueeze(-1)).sum(-1, keepdim=True)
    return ids.gather(-1, place).squeeze(-1)


@sample.wrong("the place in the sorted row was returned: return the id of the token")
def rank_for_id(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ends = p.float().sort(dim=-1, descending=True).values.cumsum(-1)
    return (ends <= (u * ends[..., -1]).unsqueeze(-1)).sum(-1)


@sample.wrong("the intervals began with the last id: token 0 comes first")
def from_the_end(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ends, total = _ends(p.flip(-1))
    return p.shape[-1] - 1 - (ends <= (u * total).unsqueeze(-1)).sum(-1)


@sample.wrong("the first number was used for every row: each row has its own")
def one_number_for_all(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    ends, total = _ends(p)
    one = u.reshape(-1)[0].expand(u.shape) if u.numel() else u
    return (ends <= (one * total).unsqueeze(-1)).sum(-1)


@sample.wrong("the id is one too high: the drawn token is the first whose sum is above the spot")
def one_too_high(p: Tensor, u: Tensor) -> Tensor:
    _check(u)
    return sample.fn(p, u) + 1


@sample.wrong("the ids are int32: return int64, as everywhere in torch")
def as_int32(p: Tensor, u: Tensor) -> Tensor:
    return sample.fn(p, u).int()


@sample.wrong("a u outside 0 to 1 was accepted: raise ValueError, also for 1")
def any_u(p: Tensor, u: Tensor) -> Tensor:
    ends, total = _ends(p)
    return (ends <= (u * total).unsqueeze(-1)).sum(-1)


@sample.wrong("a negative u was accepted: raise ValueError")
def negative_allowed(p: Tensor, u: Tensor) -> Tensor:
    if (u >= 1).any():
        raise ValueError("u must be in [0, 1)")
    return any_u(p, u)


@sample.wrong("u = 1 was accepted: no interval holds the end of the line; raise ValueError")
def one_allowed(p: Tensor, u: Tensor) -> Tensor:
    if ((u < 0) | (u > 1)).any():
        raise ValueError("u must be in [0, 1)")
    return any_u(p, u)
