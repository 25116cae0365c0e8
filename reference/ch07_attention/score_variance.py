"""By the definition: the mean, the distances from it, and the mean of their squares."""

from collections.abc import Callable

import torch
from torch import Tensor

from reference import oracle


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _spread(scores: Tensor) -> Tensor:
    return ((scores - scores.mean()) ** 2).mean()


@oracle
def score_variance(q: Tensor, k: Tensor) -> Tensor:
    scores = (_wide(q).unsqueeze(1) * _wide(k).unsqueeze(0)).sum(-1)
    raw = _spread(scores)
    return torch.stack([raw, raw / q.shape[1]])


def _of(q: Tensor, k: Tensor, variance: Callable[[Tensor], Tensor] = _spread, root: float | None = None) -> Tensor:
    scores = q.float() @ k.float().T
    return torch.stack([variance(scores), variance(scores / (root or q.shape[1] ** 0.5))])


@score_variance.right("the scores first, then their variance")
def by_table(q: Tensor, k: Tensor) -> Tensor:
    return _of(q, k, lambda s: s.var(correction=0))


@score_variance.right("with the queries scaled before the product")
def scaled_queries(q: Tensor, k: Tensor) -> Tensor:
    raw = (q.float() @ k.float().T).reshape(-1)
    scaled = (q.float() / q.shape[1] ** 0.5 @ k.float().T).reshape(-1)
    return torch.stack([raw.var(unbiased=False), scaled.std(unbiased=False) ** 2])


@score_variance.right("one dot product at a time")
def one_at_a_time(q: Tensor, k: Tensor) -> Tensor:
    scores = torch.stack([(a * b).sum() for a in q.float() for b in k.float()])
    scaled = torch.stack([s / q.shape[1] ** 0.5 for s in scores])
    return torch.stack([_spread(scores), _spread(scaled)])


@score_variance.wrong("the sum was divided by the number of scores minus 1 (torch's default): use correction=0")
def one_less(q: Tensor, k: Tensor) -> Tensor:
    return _of(q, k, torch.var)


@score_variance.wrong("the standard deviation was returned: the variance is its square")
def deviation(q: Tensor, k: Tensor) -> Tensor:
    return _of(q, k, lambda s: _spread(s).sqrt())


@score_variance.wrong("the mean of the squares was returned: the variance uses the distances from the mean")
def about_zero(q: Tensor, k: Tensor) -> Tensor:
    return _of(q, k, lambda s: (s**2).mean())


@score_variance.wrong(
    "the square of the mean was subtracted from the mean of the squares: two large numbers cancel, and digits are lost"
)
def one_pass(q: Tensor, k: Tensor) -> Tensor:
    return _of(q, k, lambda s: (s**2).mean() - s.mean() ** 2)


@score_variance.wrong("the distances in each row were from the mean of this row: use one mean of all scores")
def by_row(q: Tensor, k: Tensor) -> Tensor:
    return _of(q, k, lambda s: s.var(1, correction=0).mean())


@score_variance.wrong("the variance was divided by √d: dividing scores by c divides their variance by c²")
def variance_by_root(q: Tensor, k: Tensor) -> Tensor:
    raw = _of(q, k)[0]
    return torch.stack([raw, raw / q.shape[1] ** 0.5])


@score_variance.wrong("the scores were divided by d: the divisor is √d (d would leave a variance of 1/d)")
def scores_by_d(q: Tensor, k: Tensor) -> Tensor:
    return _of(q, k, root=q.shape[1])


@score_variance.wrong("the scores were divided by the root of the number of keys: d is the width of a vector")
def by_number_of_keys(q: Tensor, k: Tensor) -> Tensor:
    return _of(q, k, root=k.shape[0] ** 0.5)


@score_variance.wrong(
    "queries and keys were scaled to length 1 first: the components have unit variance, not the vectors"
)
def unit_vectors(q: Tensor, k: Tensor) -> Tensor:
    return _of(q.float() / q.float().norm(dim=1, keepdim=True), k.float() / k.float().norm(dim=1, keepdim=True))


@score_variance.wrong("query i was multiplied only with key i: every query meets every key")
def in_pairs(q: Tensor, k: Tensor) -> Tensor:
    n = min(len(q), len(k))
    scores = (q.float()[:n] * k.float()[:n]).sum(1)
    return torch.stack([_spread(scores), _spread(scores / q.shape[1] ** 0.5)])


@score_variance.wrong("the formula d · var(q) · var(k) was used: it holds only on average; measure the scores")
def by_formula(q: Tensor, k: Tensor) -> Tensor:
    raw = q.shape[1] * _spread(q.float()) * _spread(k.float())
    return torch.stack([raw, raw / q.shape[1]])


@score_variance.wrong("the scores were multiplied in low precision: they lose digits, or overflow in fp16")
def low_precision_scores(q: Tensor, k: Tensor) -> Tensor:
    scores = (q @ k.T).float()
    return torch.stack([_spread(scores), _spread(scores / q.shape[1] ** 0.5)])


@score_variance.wrong("the result was rounded to the dtype of the input: it must be float32")
def in_the_dtype_of_the_input(q: Tensor, k: Tensor) -> Tensor:
    return _of(q, k).to(q.dtype)


@score_variance.wrong("only the variance before scaling was returned: return two numbers")
def one_number(q: Tensor, k: Tensor) -> Tensor:
    return _of(q, k)[0]


@score_variance.wrong("the scores were divided by the root of the number of queries: d is the width of a vector")
def by_number_of_queries(q: Tensor, k: Tensor) -> Tensor:
    return _of(q, k, root=q.shape[0] ** 0.5)
