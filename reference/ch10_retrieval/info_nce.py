"""Query by query: the difference of each choice to the right one, and the log of the sum of their exps."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import oracle, promoted


def _checked(queries: Tensor, positives: Tensor) -> None:
    if queries.shape != positives.shape or not queries.shape[0]:
        raise ValueError("as many positives as queries, of the same width, and at least one")


@oracle
def info_nce(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    _checked(queries, positives)
    losses = []
    wide_q, wide_p = promoted(queries, positives)
    for i, query in enumerate(wide_q):
        above = ((query * (wide_p - wide_p[i])).sum(-1)) / temperature
        top = above.amax()
        losses.append(top + torch.log(torch.exp(above - top).sum()))
    return torch.stack(losses).mean().to(queries.dtype)


def _logits(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    _checked(queries, positives)
    return queries.float() @ positives.float().T / temperature


def _loss(logits: Tensor, reduction: str = "mean") -> Tensor:
    return F.cross_entropy(logits, torch.arange(len(logits)), reduction=reduction)


def _variant(
    queries: Tensor,
    positives: Tensor,
    temperature: float,
    logits: Callable[[Tensor, Tensor, float], Tensor] = _logits,
    loss: Callable[[Tensor], Tensor] = _loss,
) -> Tensor:
    _checked(queries, positives)
    return loss(logits(queries, positives, temperature)).to(queries.dtype)


@info_nce.right("F.cross_entropy with class i for row i")
def library(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    return _variant(queries, positives, temperature)


@info_nce.right("the diagonal of log_softmax")
def by_log_softmax(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    return _variant(queries, positives, temperature, loss=lambda z: -z.log_softmax(1).diagonal().mean())


@info_nce.right("the queries are divided by the temperature first")
def scaled_first(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    return _variant(queries, positives, temperature, lambda q, p, t: (q.float() / t) @ p.float().T)


@info_nce.wrong("softmax runs over the queries: each query chooses among the positives, so sum along the query's row")
def wrong_axis(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    return _variant(queries, positives, temperature, loss=lambda z: _loss(z.T))


@info_nce.wrong("both directions were averaged, as CLIP does: here only the queries choose")
def both_directions(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    return _variant(queries, positives, temperature, loss=lambda z: (_loss(z) + _loss(z.T)) / 2)


@info_nce.wrong("the positive was left out of the sum: softmax runs over all choices, the right one included")
def diagonal_excluded(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    def loss(z: Tensor) -> Tensor:
        others = z.masked_fill(torch.eye(len(z), dtype=torch.bool), -torch.inf)
        return (torch.logsumexp(others, 1) - z.diagonal()).mean()

    return _variant(queries, positives, temperature, loss=loss)


@info_nce.wrong("the temperature was not used: divide the products by it")
def no_temperature(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    return _variant(queries, positives, 1.0)


@info_nce.wrong("the products were multiplied by the temperature: divide by it, so that a small temperature sharpens")
def multiplied(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    return _variant(queries, positives, 1 / temperature)


@info_nce.wrong("the losses of the batch were added: return their mean")
def summed(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    return _variant(queries, positives, temperature, loss=lambda z: _loss(z, "sum"))


@info_nce.wrong("the mean was taken over all n² pairs: only the n pairs on the diagonal have a loss")
def mean_of_all_pairs(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    return _variant(queries, positives, temperature, loss=lambda z: -z.log_softmax(1).mean())


@info_nce.wrong("the sign is wrong: a log-probability is at most 0, and the loss is its negative")
def sign(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    return -_variant(queries, positives, temperature)


@info_nce.wrong(
    "the log of a softmax was computed: a probability too small for the dtype is 0, and its log is −inf; use logsumexp"
)
def log_of_softmax(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    return _variant(queries, positives, temperature, loss=lambda z: -z.softmax(1).diagonal().log().mean())


@info_nce.wrong("exp was taken without subtracting the maximum: logits of 89 overflow")
def no_maximum(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    def loss(z: Tensor) -> Tensor:
        return (z.exp().sum(1).log() - z.diagonal()).mean()

    return _variant(queries, positives, temperature, loss=loss)


@info_nce.wrong("exp was taken without subtracting the maximum, and then divided: large logits give inf / inf = NaN")
def quotient_of_exps(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    def loss(z: Tensor) -> Tensor:
        e = z.double().exp()
        return -(e.diagonal() / e.sum(1)).log().mean()

    return _variant(queries, positives, temperature, loss=loss)


@info_nce.wrong("a small number was added before the log: it hides −inf and limits the loss to about 18")
def log_of_softmax_and_epsilon(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    return _variant(queries, positives, temperature, loss=lambda z: -(z.softmax(1).diagonal() + 1e-8).log().mean())


@info_nce.wrong("the vectors were normalized: use them as they are")
def normalised(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    q, p = F.normalize(queries.float(), dim=-1), F.normalize(positives.float(), dim=-1)
    return _variant(q, p, temperature).to(queries.dtype)


@info_nce.wrong("the other queries were used as negatives too: only the positives of the batch are choices")
def queries_as_negatives(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    def loss(z: Tensor) -> Tensor:
        among = _logits(queries, queries, temperature).masked_fill(torch.eye(len(z), dtype=torch.bool), -torch.inf)
        return _loss(torch.cat([z, among], 1))

    return _variant(queries, positives, temperature, loss=loss)


@info_nce.wrong(
    "everything was computed in the dtype of the input: 70,000 is inf in fp16, and close logits become equal in bf16"
)
def low_precision_inside(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    return _variant(queries, positives, temperature, lambda q, p, t: q @ p.T / t)


@info_nce.wrong(
    "the logits are in the input's dtype: 70,000 is inf in fp16, and close logits become equal in bf16; upcast first"
)
def rounded_logits(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    def loss(z: Tensor) -> Tensor:
        return (z.logsumexp(1) - z.diagonal()).mean()

    return _variant(queries, positives, temperature, lambda q, p, t: (q @ p.T / t).float(), loss)


@info_nce.wrong("the loss has the dtype of the positives: the queries decide the dtype")
def dtype_of_positives(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    return _variant(queries.float(), positives, temperature).to(positives.dtype)


info_nce.standard_wrongs("returns_fp32", of="the queries", formula=library)


@info_nce.wrong("a batch without pairs was accepted: its mean is NaN; raise ValueError")
def no_pairs(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    if queries.shape != positives.shape:
        raise ValueError("as many positives as queries")
    return _loss(queries.float() @ positives.float().T / temperature).to(queries.dtype)


@info_nce.wrong("only the numbers of rows were compared: a width of 1 is broadcast silently, so compare the shapes")
def widths_broadcast(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    if len(queries) != len(positives) or not len(queries):
        raise ValueError("as many positives as queries")
    return _loss((queries.float()[:, None] * positives.float()).sum(-1) / temperature).to(queries.dtype)


@info_nce.wrong("a batch without pairs, or with fewer positives than queries, was accepted: raise ValueError")
def unchecked(queries: Tensor, positives: Tensor, temperature: float) -> Tensor:
    n = min(len(queries), len(positives))
    return _loss(queries.float()[:n] @ positives.float()[:n].T / temperature).to(queries.dtype)
