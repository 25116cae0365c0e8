"""By the tokens before: a token is kept if the more likely tokens alone do not reach the mass."""

import torch
from torch import Tensor

from reference import oracle


def _check(mass: float) -> None:
    if not 0 <= mass <= 1:
        raise ValueError("mass must be between 0 and 1")


def _before(p: Tensor) -> tuple[Tensor, Tensor]:
    """For each token, how many come before it, and their probability."""
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


@top_p.right("row by row: take the most likely until they reach the mass")
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


@top_p.right("the number of tokens counted, and that many kept")
def by_number(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    ranked, ids = p.float().sort(dim=-1, descending=True, stable=True)
    short = (ranked.cumsum(-1) < mass).sum(-1, keepdim=True)
    keep = torch.arange(p.shape[-1]).expand(p.shape) <= short
    return _renormalised(p, torch.zeros(p.shape, dtype=torch.bool).scatter(-1, ids, keep))


@top_p.wrong("the token that crosses the line was dropped: without it the rest does not reach `mass`")
def drops_the_crossing(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _renormalised(p, _before(p.float())[1] + p.float() <= mass)


@top_p.wrong("the token that crosses the line was dropped unless it is the first: the rest does not reach `mass`")
def drops_the_crossing_but_one(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    number, probability = _before(p.float())
    return _renormalised(p, (number == 0) | (probability + p.float() <= mass))


@top_p.wrong("a set that reaches `mass` exactly got one more token: it need not exceed `mass`")
def must_exceed(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _renormalised(p, _before(p.float())[1] <= mass)


@top_p.wrong("nothing was kept at mass 0, and 0 / 0 is NaN: always keep the most likely token")
def may_be_empty(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _renormalised(p, _before(p.float())[1] < mass)


@top_p.wrong("the result was not normalized: the kept probabilities add up to less than 1")
def not_renormalised(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _kept(p, _nucleus(p, mass))


@top_p.wrong("the result was divided by `mass`: the nucleus usually holds more; divide by its sum")
def divided_by_mass(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    kept = _kept(p.float(), _nucleus(p, mass))
    return (kept / (mass or 1.0)).to(p.dtype)


@top_p.wrong("the row was scaled to 1 before the comparison with `mass`: compare the probabilities as they are")
def scaled_first(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    wide = p.float()
    return _renormalised(p, _nucleus(wide / wide.sum(-1, keepdim=True), mass))


@top_p.wrong("the result is in the order of probability: each token keeps its own place")
def left_sorted(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    ranked = p.sort(-1, descending=True).values
    return _renormalised(ranked, _nucleus(ranked, mass))


@top_p.wrong("the mask of the sorted tokens was applied to the unsorted tokens: move it back to their places first")
def mask_left_sorted(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _renormalised(p, _nucleus(p.sort(-1, descending=True).values, mass))


@top_p.wrong("probabilities were added up in the order of the ids: add from the largest down")
def unsorted(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    before = p.float().cumsum(-1) - p.float()
    return _renormalised(p, (before < mass) | (torch.arange(p.shape[-1]).expand(p.shape) == 0))


@top_p.wrong("probabilities were added up from the least likely: add from the largest down")
def ascending(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    number, probability = _before(-p.float())
    return _renormalised(p, (number == 0) | (-probability < mass))


@top_p.wrong("every token that is as likely as the last of the nucleus was kept: keep the lower ids only")
def keeps_ties(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    last = p.masked_fill(~_nucleus(p, mass), torch.inf).amin(-1, keepdim=True)
    return _renormalised(p, p >= last)


@top_p.wrong("of equal probabilities the higher id came first: the lower id comes first")
def higher_id(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _renormalised(p, _nucleus(p.flip(-1), mass).flip(-1))


@top_p.wrong("single tokens of at least `mass` were kept: the sum must reach it")
def each_by_itself(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _renormalised(p, (p >= mass) | (_before(p)[0] == 0))


@top_p.wrong("tokens were kept by their ratio to the most likely token: that is min-p, another filter")
def min_p(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    return _renormalised(p, p >= (1 - mass) * p.amax(-1, keepdim=True))


@top_p.wrong("every row kept as many tokens as the first: a row that is less sure needs more")
def number_of_the_first_row(p: Tensor, mass: float) -> Tensor:
    _check(mass)
    keep = _nucleus(p, mass).reshape(-1, p.shape[-1])
    return _renormalised(p, _before(p)[0] < keep[0].sum()) if len(keep) else p.clone()


@top_p.wrong("the sum was in the input's dtype: near 1 a sum in bf16 has steps of 1/256; use float32")
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


@top_p.wrong("a `mass` outside 0 to 1 was accepted: raise ValueError")
def any_mass(p: Tensor, mass: float) -> Tensor:
    return _renormalised(p, _nucleus(p, mass))
