"""By rank: the number of tokens before this one."""

import torch
from torch import Tensor

from reference import oracle


def _check(k: int) -> None:
    if k < 1:
        raise ValueError("k must be at least 1")


def _ranks(p: Tensor) -> Tensor:
    """For each token, how many are more likely, or as likely with a lower id."""
    one, other = p.unsqueeze(-1), p.unsqueeze(-2)
    n = p.shape[-1]
    earlier = torch.ones(n, n, dtype=torch.bool).tril(-1)
    return ((other > one) | ((other == one) & earlier)).sum(-1)


def _kept(p: Tensor, keep: Tensor) -> Tensor:
    return torch.where(keep, p, torch.zeros_like(p))


def _renormalised(p: Tensor, keep: Tensor) -> Tensor:
    """In float32, rounded once."""
    kept = _kept(p.float(), keep)
    return (kept / kept.sum(-1, keepdim=True)).to(p.dtype)


@oracle
def top_k(p: Tensor, k: int) -> Tensor:
    _check(k)
    kept = _kept(p, _ranks(p) < k)
    return kept / kept.sum(-1, keepdim=True)


@top_k.right("row by row, with Python's stable sort")
def by_rows(p: Tensor, k: int) -> Tensor:
    _check(k)
    rows = []
    for row in p.float().reshape(-1, p.shape[-1]).tolist():
        ids = sorted(range(len(row)), key=lambda i: -row[i])[:k]
        total = sum(row[i] for i in ids)
        rows.append([x / total if i in ids else 0.0 for i, x in enumerate(row)])
    return torch.tensor(rows, dtype=torch.float32).reshape(p.shape).to(p.dtype)


@top_k.right("k times the largest that is left")
def one_at_a_time(p: Tensor, k: int) -> Tensor:
    _check(k)
    left = p.clone()
    keep = torch.zeros(p.shape, dtype=torch.bool)
    for _ in range(min(k, p.shape[-1])):
        best = left.argmax(-1, keepdim=True)
        keep, left = keep.scatter(-1, best, True), left.scatter(-1, best, -1.0)
    return _renormalised(p, keep)


@top_k.right("the softmax of the kept logarithms")
def by_logits(p: Tensor, k: int) -> Tensor:
    _check(k)
    return torch.softmax(p.float().log().masked_fill(_ranks(p) >= k, -torch.inf), -1).to(p.dtype)


@top_k.wrong("every token that is as likely as the k-th was kept: if probabilities are equal, this keeps more than k")
def keeps_ties(p: Tensor, k: int) -> Tensor:
    _check(k)
    smallest = p.sort(-1, descending=True).values[..., min(k, p.shape[-1]) - 1, None]
    return _renormalised(p, p >= smallest)


@top_k.wrong("of equal probabilities the higher id was kept: keep the lower; torch.topk does not say which it takes")
def higher_id(p: Tensor, k: int) -> Tensor:
    _check(k)
    return _renormalised(p, _ranks(p.flip(-1)).flip(-1) < k)


@top_k.wrong("all tokens that tie with the first dropped token were dropped: keep exactly k")
def drops_ties(p: Tensor, k: int) -> Tensor:
    _check(k)
    if k >= p.shape[-1]:
        return _renormalised(p, _ranks(p) < k)
    return _renormalised(p, p > p.sort(-1, descending=True).values[..., k, None])


@top_k.wrong("the result was not normalized: the kept probabilities add up to less than 1")
def not_renormalised(p: Tensor, k: int) -> Tensor:
    _check(k)
    return _kept(p, _ranks(p) < k)


@top_k.wrong("with k of n or more the row was returned unchanged: it may not add up to 1, so scale it")
def all_as_they_are(p: Tensor, k: int) -> Tensor:
    _check(k)
    return _renormalised(p, _ranks(p) < k) if k < p.shape[-1] else p.clone()


@top_k.wrong("a k below 1 was raised to 1: raise ValueError")
def raised_to_one(p: Tensor, k: int) -> Tensor:
    return _renormalised(p, _ranks(p) < max(k, 1))


@top_k.wrong("each kept token got 1/k: kept tokens keep their odds, so divide by their sum")
def uniform(p: Tensor, k: int) -> Tensor:
    _check(k)
    keep = (_ranks(p) < k).float()
    return (keep / keep.sum(-1, keepdim=True)).to(p.dtype)


@top_k.wrong("softmax was taken of the kept probabilities: softmax is for logits; divide probabilities by their sum")
def softmax_of_p(p: Tensor, k: int) -> Tensor:
    _check(k)
    return torch.softmax(p.float().masked_fill(_ranks(p) >= k, -torch.inf), -1).to(p.dtype)


@top_k.wrong("the k least likely tokens were kept")
def smallest(p: Tensor, k: int) -> Tensor:
    _check(k)
    return _renormalised(p, _ranks(-p) < k)


@top_k.wrong("the first k ids were kept: keep the k most likely tokens")
def first_ids(p: Tensor, k: int) -> Tensor:
    _check(k)
    return _renormalised(p, torch.arange(p.shape[-1]).expand(p.shape) < k)


@top_k.wrong("one token too few was kept: keep k")
def one_short(p: Tensor, k: int) -> Tensor:
    _check(k)
    return _renormalised(p, _ranks(p) < k - 1)


@top_k.wrong("the result is in the order of probability: each token keeps its own place")
def left_sorted(p: Tensor, k: int) -> Tensor:
    _check(k)
    ranked = p.sort(-1, descending=True).values
    return _renormalised(ranked, torch.arange(p.shape[-1]).expand(p.shape) < k)


@top_k.wrong("only k probabilities were returned: the result has the shape of `p`, with zeros for the rest")
def only_k_values(p: Tensor, k: int) -> Tensor:
    _check(k)
    kept = p.float().sort(-1, descending=True).values[..., :k]
    return (kept / kept.sum(-1, keepdim=True)).to(p.dtype)


@top_k.wrong("torch.topk was asked for more tokens than there are: with k above n keep all")
def k_above_n_raises(p: Tensor, k: int) -> Tensor:
    _check(k)
    torch.topk(p, k, dim=-1)
    return _renormalised(p, _ranks(p) < k)


@top_k.wrong("the k largest of the whole batch were kept: every row keeps its own k")
def of_the_batch(p: Tensor, k: int) -> Tensor:
    _check(k)
    return _renormalised(p, (_ranks(p.reshape(-1)) < k).reshape(p.shape))


@top_k.wrong("the ids of the first row were used for all rows: every row has its own k tokens")
def ids_of_the_first_row(p: Tensor, k: int) -> Tensor:
    _check(k)
    keep = _ranks(p) < k
    rows = keep.reshape(-1, p.shape[-1])
    return _renormalised(p, rows[:1].expand(rows.shape).reshape(p.shape)) if len(rows) else p.clone()


top_k.standard_wrongs(
    "low_precision_inside",
    says="the sum was rounded to the dtype of the input before the division: upcast first, and round once at the end",
)
top_k.standard_wrongs("returns_fp32", of="`p`")


@top_k.wrong("a k below 1 was accepted: nothing is left, and 0 / 0 is NaN; raise ValueError")
def allows_none(p: Tensor, k: int) -> Tensor:
    return _renormalised(p, _ranks(p) < k)
