"""By what stands before: a token is in if the likelier ones alone fall short."""

import torch
from torch import Tensor

from reference import oracle


def _check(mass: float) -> None:
    if not 0 <= mass <= 1:
        raise ValueError("a share is between 0 and 1")


def _before(p: Tensor) -> tuple[Tensor, Tensor]:
    """For each token how many stand before it, and their probability."""
    one, other = p.unsqueeze(-1), p.unsqueeze(-2)
    earlier = torch.ones(p.shape[-1], p.shape[-1], dtype=torch.bool).tril(-1)
    ahead = (other > one) | ((other == one) & earlier)
    return ahead.sum(-1), torch.where(ahead, other, torch.zeros_like(other)).sum(-1)


def _kept(p: Tensor, keep: Tensor) -> Tensor:
    return torch.where(keep, p, torch.zeros_like(p))


def _renormalised(p: Tensor, keep: Tensor) -> Tensor:
    """In float32, rounded once."""
    kept = _kept(p.float(), keep)
    return (kept / kept.sum(-1, keepdim=True)).to(p.dtype)


def _nucleus(p: Tensor, mass: float) -> Tensor:
    number, probability = _before(p.float())
    return (number == 0) | (probability < mass)


@oracle
def top_p(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    number, probability = _before(p)
    kept = _kept(p, (number == 0) | (probability < mass))
    return kept / kept.sum(-1, keepdim=True)


@top_p.right("row by row: the likeliest taken until they are enough")
def by_rows(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    rows = []
    for row in p.float().reshape(-1, p.shape[-1]).tolist():
        total, kept = 0.0, [0.0] * len(row)
        for i in sorted(range(len(row)), key=lambda i: -row[i]):
            kept[i], total = row[i], total + row[i]
            if total >= mass:
                break
        rows.append([x / total for x in kept])
    return torch.tensor(rows, dtype=torch.float32).reshape(p.shape).to(p.dtype)


@top_p.right("the number of tokens counted, and the first so many kept")
def by_number(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    ranked, ids = p.float().sort(dim=-1, descending=True, stable=True)
    short = (ranked.cumsum(-1) < mass).sum(-1, keepdim=True)
    keep = torch.arange(p.shape[-1]).expand(p.shape) <= short
    return _renormalised(p, torch.zeros(p.shape, dtype=torch.bool).scatter(-1, ids, keep))


@top_p.wrong("the token that crosses the line dropped: without it the rest does not reach `mass`")
def drops_the_crossing(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _renormalised(p, _before(p.float())[1] + p.float() <= mass)


@top_p.wrong("the token that crosses the line dropped unless it is the first: the rest does not reach `mass`")
def drops_the_crossing_but_one(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    number, probability = _before(p.float())
    return _renormalised(p, (number == 0) | (probability + p.float() <= mass))


@top_p.wrong("a set that reaches `mass` exactly given one more: to reach is enough, it need not exceed")
def must_exceed(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _renormalised(p, _before(p.float())[1] <= mass)


@top_p.wrong("nothing kept at mass 0, and 0 / 0 is NaN: the likeliest token always stays")
def may_be_empty(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _renormalised(p, _before(p.float())[1] < mass)


@top_p.wrong("not renormalised: what is left adds up to less than 1")
def not_renormalised(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _kept(p, _nucleus(p, mass))


@top_p.wrong("divided by `mass`: the nucleus usually holds more than that; divide by its sum")
def divided_by_mass(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    kept = _kept(p.float(), _nucleus(p, mass))
    return (kept / (mass or 1.0)).to(p.dtype)


@top_p.wrong("the row scaled to 1 before `mass` is compared: it is compared with the probabilities as they are")
def scaled_first(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    wide = p.float()
    return _renormalised(p, _nucleus(wide / wide.sum(-1, keepdim=True), mass))


@top_p.wrong("left in the order of probability: each token keeps its own place")
def left_sorted(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    ranked = p.sort(-1, descending=True).values
    return _renormalised(ranked, _nucleus(ranked, mass))


@top_p.wrong("the mask of the sorted tokens laid on the unsorted ones: take it back to their places first")
def mask_left_sorted(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _renormalised(p, _nucleus(p.sort(-1, descending=True).values, mass))


@top_p.wrong("added up in the order of the ids: from the largest probability down")
def unsorted(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    before = p.float().cumsum(-1) - p.float()
    return _renormalised(p, (before < mass) | (torch.arange(p.shape[-1]).expand(p.shape) == 0))


@top_p.wrong("added up from the least likely: from the largest probability down")
def ascending(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    number, probability = _before(-p.float())
    return _renormalised(p, (number == 0) | (-probability < mass))


@top_p.wrong("every token kept that is as likely as the last of the nucleus: the lower id wins, and the rest go")
def keeps_ties(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    last = p.masked_fill(~_nucleus(p, mass), torch.inf).amin(-1, keepdim=True)
    return _renormalised(p, p >= last)


@top_p.wrong("of equal probabilities the higher id taken first: the lower comes first")
def higher_id(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _renormalised(p, _nucleus(p.flip(-1), mass).flip(-1))


@top_p.wrong("single tokens of at least `mass` kept: it is their sum that has to reach it")
def each_by_itself(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _renormalised(p, (p >= mass) | (_before(p)[0] == 0))


@top_p.wrong("tokens kept within 1 − mass of the likeliest's share: that is min-p, another filter")
def min_p(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _renormalised(p, p >= (1 - mass) * p.amax(-1, keepdim=True))


@top_p.wrong("as many tokens kept in every row as in the first: a row that is less sure needs more")
def number_of_the_first_row(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    keep = _nucleus(p, mass).reshape(-1, p.shape[-1])
    return _renormalised(p, _before(p)[0] < keep[0].sum()) if len(keep) else p.clone()


@top_p.wrong("added up in the input's dtype: where a sum of bf16 stands near 1, its steps are 1/256; use float32")
def low_precision_inside(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    ranked, ids = p.sort(dim=-1, descending=True, stable=True)
    total, keep = torch.zeros_like(p[..., 0]), []
    for i, x in enumerate(ranked.unbind(-1)):
        keep.append((total < mass) | (i == 0))
        total = total + x
    mask = torch.zeros(p.shape, dtype=torch.bool).scatter(-1, ids, torch.stack(keep, -1))
    return _renormalised(p, mask)


top_p.standard_wrongs("returns_fp32", of="`p`")


@top_p.wrong("a `mass` outside 0 to 1 let through: raise ValueError")
def any_mass(p: Tensor, mass: float) -> Tensor:
    return _renormalised(p, _nucleus(p, mass))
