"""A plain sort of (score, number) for each query."""

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import oracle, promoted

Found = tuple[Tensor, Tensor]


def _checked(k: int) -> None:
    if k < 1:
        raise ValueError("k must be at least 1")


@oracle
def bi_encoder_search(queries: Tensor, documents: Tensor, k: int) -> Found:
    _checked(k)
    scores = torch.einsum("qd,nd->qn", *promoted(queries, documents))
    ids = [sorted(range(len(row)), key=lambda i: (-row[i], i))[:k] for row in scores.tolist()]
    numbers = torch.tensor(ids, dtype=torch.int64).reshape(len(queries), min(k, len(documents)))
    return scores.gather(1, numbers).to(queries.dtype), numbers


def _scores(queries: Tensor, documents: Tensor) -> Tensor:
    return queries.float() @ documents.float().T


def _top(scores: Tensor, k: int, dtype: torch.dtype) -> Found:
    _checked(k)
    ranked, ids = torch.sort(scores, dim=-1, descending=True, stable=True)
    return ranked[:, :k].to(dtype), ids[:, :k]


@bi_encoder_search.right("a stable argsort of the negated scores")
def by_argsort(queries: Tensor, documents: Tensor, k: int) -> Found:
    _checked(k)
    scores = _scores(queries, documents)
    ids = torch.argsort(-scores, dim=-1, stable=True)[:, :k]
    return torch.take_along_dim(scores, ids, -1).to(queries.dtype), ids


@bi_encoder_search.right("the maximum is taken k times, and each time it is removed")
def one_after_the_other(queries: Tensor, documents: Tensor, k: int) -> Found:
    _checked(k)
    scores = _scores(queries, documents)
    found: list[tuple[Tensor, Tensor]] = []
    for _ in range(min(k, len(documents))):
        top = scores.amax(-1, keepdim=True)
        first = (scores == top).int().argmax(-1, keepdim=True)
        found.append((top, first))
        scores = scores.scatter(1, first, -torch.inf)
    if not found:
        return queries.new_empty(len(queries), 0), torch.empty(len(queries), 0, dtype=torch.int64)
    return torch.cat([t for t, _ in found], 1).to(queries.dtype), torch.cat([i for _, i in found], 1)


@bi_encoder_search.wrong("the smallest scores come first: a large product means similar")
def ascending(queries: Tensor, documents: Tensor, k: int) -> Found:
    _checked(k)
    ranked, ids = torch.sort(_scores(queries, documents), dim=-1, stable=True)
    return ranked[:, :k].to(queries.dtype), ids[:, :k]


@bi_encoder_search.wrong(
    "an ascending order was reversed: then, if scores are equal, the document with the higher number comes first"
)
def higher_number_wins(queries: Tensor, documents: Tensor, k: int) -> Found:
    _checked(k)
    ranked, ids = torch.sort(_scores(queries, documents), dim=-1, stable=True)
    return ranked.flip(-1)[:, :k].to(queries.dtype), ids.flip(-1)[:, :k]


@bi_encoder_search.wrong("cosines were ranked: use the vectors as they are")
def normalised(queries: Tensor, documents: Tensor, k: int) -> Found:
    q, d = F.normalize(queries.float(), dim=-1), F.normalize(documents.float(), dim=-1)
    return _top(q @ d.T, k, queries.dtype)


@bi_encoder_search.wrong(
    "the documents were ranked by distance: if lengths differ, the nearest document may not have the largest product"
)
def by_distance(queries: Tensor, documents: Tensor, k: int) -> Found:
    _, ids = _top(-torch.cdist(queries.float(), documents.float()), k, torch.float32)
    return torch.take_along_dim(_scores(queries, documents), ids, -1).to(queries.dtype), ids


@bi_encoder_search.wrong("one ranking was made for the whole batch: each query has its own ranking")
def one_ranking(queries: Tensor, documents: Tensor, k: int) -> Found:
    scores = _scores(queries, documents)
    _, ids = _top(scores.sum(0, keepdim=True), k, torch.float32)
    ids = ids.expand(len(queries), -1)
    return torch.take_along_dim(scores, ids, -1).to(queries.dtype), ids


@bi_encoder_search.wrong("the best queries of each document were returned: rank along the documents")
def along_the_queries(queries: Tensor, documents: Tensor, k: int) -> Found:
    return _top(_scores(documents, queries), k, queries.dtype)


@bi_encoder_search.wrong("the k best were sorted by document number: the largest score must come first")
def in_order_of_numbers(queries: Tensor, documents: Tensor, k: int) -> Found:
    scores = _scores(queries, documents)
    ids = _top(scores, k, torch.float32)[1].sort(-1).values
    return torch.take_along_dim(scores, ids, -1).to(queries.dtype), ids


@bi_encoder_search.wrong(
    "the scores were rounded to 16 bits before ranking: different scores become ties, so rank first"
)
def rounded_before_ranking(queries: Tensor, documents: Tensor, k: int) -> Found:
    return _top(_scores(queries, documents).to(queries.dtype), k, queries.dtype)


@bi_encoder_search.wrong(
    "the products are in the queries' dtype: in fp16, 300 · 300 is inf, and close scores become equal"
)
def low_precision_inside(queries: Tensor, documents: Tensor, k: int) -> Found:
    return _top(queries @ documents.to(queries.dtype).T, k, queries.dtype)


@bi_encoder_search.wrong("the scores have the dtype of the documents: the queries decide the dtype")
def dtype_of_documents(queries: Tensor, documents: Tensor, k: int) -> Found:
    return _top(_scores(queries, documents), k, documents.dtype)


@bi_encoder_search.wrong(
    "the scores were ranked by absolute value: a large negative product means opposite, not similar"
)
def by_size(queries: Tensor, documents: Tensor, k: int) -> Found:
    scores = _scores(queries, documents)
    _, ids = _top(scores.abs(), k, torch.float32)
    return torch.take_along_dim(scores, ids, -1).to(queries.dtype), ids


@bi_encoder_search.wrong(
    "torch.topk was used, which promises no order among equal scores: the lower number must come first"
)
def by_topk(queries: Tensor, documents: Tensor, k: int) -> Found:
    _checked(k)
    ranked, ids = _scores(queries, documents).topk(min(k, len(documents)), dim=-1)
    return ranked.to(queries.dtype), ids


@bi_encoder_search.wrong("ranks were returned: position i must hold a document's number, not the rank of document i")
def ranks(queries: Tensor, documents: Tensor, k: int) -> Found:
    scores, ids = _top(_scores(queries, documents), len(documents) + 1, queries.dtype)
    _checked(k)
    return scores[:, :k], ids.argsort(-1)[:, :k]


@bi_encoder_search.wrong(
    "torch.topk was asked for more documents than there are: if there are fewer than k, return all"
)
def too_few(queries: Tensor, documents: Tensor, k: int) -> Found:
    _checked(k)
    scores = _scores(queries, documents)
    scores.topk(k, dim=-1)
    return _top(scores, k, queries.dtype)


@bi_encoder_search.wrong("k below 1 was accepted: 0 gives nothing, and −1 gives all but the last; raise ValueError")
def any_k(queries: Tensor, documents: Tensor, k: int) -> Found:
    ranked, ids = torch.sort(_scores(queries, documents), dim=-1, descending=True, stable=True)
    return ranked[:, :k].to(queries.dtype), ids[:, :k]


bi_encoder_search.standard_wrongs(
    "returns_fp32", says="the scores are float32: return them in the dtype of the queries"
)
