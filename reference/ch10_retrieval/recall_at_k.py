"""Counted by hand: a mark for each place of a ranking, and the sums of the marks."""

from collections.abc import Callable

from reference import oracle

Lists = list[list[int]]


def _marks(ranking: list[int], right: list[int]) -> list[int]:
    return [int(document in right) for document in ranking]


@oracle
def recall_at_k(rankings: Lists, relevant: Lists, k: int) -> float:
    if k < 1 or len(rankings) == 0:
        raise ValueError("nothing to look at")
    total = 0.0
    for ranking, right in zip(rankings, relevant, strict=True):
        if len(right) == 0:
            raise ValueError("nothing to find")
        total += sum(_marks(ranking, right)[:k]) / len(right)
    return total / len(rankings)


def _recall(rankings: Lists, relevant: Lists, k: int, share: Callable[[list[int], list[int]], float]) -> float:
    """`share` is given the first k of a ranking and its relevant documents."""
    recall_at_k.fn(rankings, relevant, k)
    return sum(share(ranking[:k], right) for ranking, right in zip(rankings, relevant, strict=True)) / len(rankings)


@recall_at_k.right("for each relevant document: is it among the first k?")
def by_document(rankings: Lists, relevant: Lists, k: int) -> float:
    return _recall(rankings, relevant, k, lambda top, right: sum(d in top for d in right) / len(right))


@recall_at_k.wrong("the count was divided by k: this is precision; divide by the number of relevant documents")
def precision(rankings: Lists, relevant: Lists, k: int) -> float:
    return _recall(rankings, relevant, k, lambda top, right: sum(_marks(top, right)) / k)


@recall_at_k.wrong(
    "the value is 1 if any relevant document was found: this is the hit rate; recall is the share that was found"
)
def hit_rate(rankings: Lists, relevant: Lists, k: int) -> float:
    return _recall(rankings, relevant, k, lambda top, right: float(any(_marks(top, right))))


@recall_at_k.wrong("the value is 1 only if all relevant documents were found: recall is the share that was found")
def all_or_nothing(rankings: Lists, relevant: Lists, k: int) -> float:
    return _recall(rankings, relevant, k, lambda top, right: float(set(right) <= set(top)))


@recall_at_k.wrong(
    "with more than k relevant documents the count was divided by k: always divide by the number of relevant documents"
)
def capped(rankings: Lists, relevant: Lists, k: int) -> float:
    return _recall(rankings, relevant, k, lambda top, right: sum(_marks(top, right)) / min(k, len(right)))


@recall_at_k.wrong("k was ignored: only the first k of a ranking count")
def whole_ranking(rankings: Lists, relevant: Lists, k: int) -> float:
    return recall_at_k.fn(rankings, relevant, k + max(map(len, rankings), default=0))


@recall_at_k.wrong("only the first k − 1 were used: the first k are ranking[:k]")
def one_too_few(rankings: Lists, relevant: Lists, k: int) -> float:
    return _recall(rankings, relevant, k, lambda top, right: sum(_marks(top[: k - 1], right)) / len(right))


@recall_at_k.wrong("the last k of the ranking were used: the best come first")
def last_k(rankings: Lists, relevant: Lists, k: int) -> float:
    return recall_at_k.fn([ranking[::-1] for ranking in rankings], relevant, k)


@recall_at_k.wrong(
    "found and relevant documents were counted over all queries together: return the mean of the queries' shares"
)
def pooled(rankings: Lists, relevant: Lists, k: int) -> float:
    recall_at_k.fn(rankings, relevant, k)
    found = sum(sum(_marks(r[:k], right)) for r, right in zip(rankings, relevant, strict=True))
    return found / sum(map(len, relevant))


@recall_at_k.wrong("the shares were added over the queries: return their mean")
def summed(rankings: Lists, relevant: Lists, k: int) -> float:
    return recall_at_k.fn(rankings, relevant, k) * len(rankings)


@recall_at_k.wrong("a query without relevant documents was left out of the mean: raise ValueError")
def skips_queries(rankings: Lists, relevant: Lists, k: int) -> float:
    pairs = [(ranking, right) for ranking, right in zip(rankings, relevant, strict=True) if right]
    if not pairs:
        raise ValueError("no queries")
    return recall_at_k.fn([ranking for ranking, _ in pairs], [right for _, right in pairs], k)


@recall_at_k.wrong("k below 1 was accepted: raise ValueError")
def any_k(rankings: Lists, relevant: Lists, k: int) -> float:
    recall_at_k.fn(rankings, relevant, max(k, 1))
    return sum(
        sum(_marks(r[: max(k, 0)], right)) / len(right) for r, right in zip(rankings, relevant, strict=True)
    ) / len(rankings)


@recall_at_k.wrong("no queries, or a k below 1, were accepted: raise ValueError")
def unchecked(rankings: Lists, relevant: Lists, k: int) -> float:
    shares = [sum(_marks(r[:k], right)) / len(right) for r, right in zip(rankings, relevant, strict=True) if right]
    if len(shares) < len(rankings):
        raise ValueError("nothing to find")
    return sum(shares) / max(len(shares), 1)


@oracle
def mean_reciprocal_rank(rankings: Lists, relevant: Lists) -> float:
    if len(rankings) == 0:
        raise ValueError("nothing to look at")
    total = 0.0
    for ranking, right in zip(rankings, relevant, strict=True):
        marks = _marks(ranking, right)
        if 1 in marks:
            total += 1 / (marks.index(1) + 1)
    return total / len(rankings)


def _ranks(rankings: Lists, relevant: Lists) -> list[list[int]]:
    """For each query the ranks of its relevant documents, counted from 1."""
    if not rankings:
        raise ValueError("no queries")
    return [
        [rank for rank, mark in enumerate(_marks(ranking, right), 1) if mark]
        for ranking, right in zip(rankings, relevant, strict=True)
    ]


@mean_reciprocal_rank.right("the smallest of the ranks, or infinity if there is none")
def smallest_rank(rankings: Lists, relevant: Lists) -> float:
    ranks = _ranks(rankings, relevant)
    return sum(1 / min([*found, float("inf")]) for found in ranks) / len(ranks)


@mean_reciprocal_rank.wrong("1 was added to a rank that already starts at 1: the first document gives 1, not 1/2")
def one_too_many(rankings: Lists, relevant: Lists) -> float:
    ranks = _ranks(rankings, relevant)
    return sum(1 / (found[0] + 1) for found in ranks if found) / len(ranks)


@mean_reciprocal_rank.wrong("queries that found nothing were left out of the mean: they count as 0")
def skips_misses(rankings: Lists, relevant: Lists) -> float:
    found = [ranks[0] for ranks in _ranks(rankings, relevant) if ranks]
    return sum(1 / rank for rank in found) / max(len(found), 1)


@mean_reciprocal_rank.wrong("1 was divided by the mean rank: take the reciprocals first, then their mean")
def reciprocal_of_mean(rankings: Lists, relevant: Lists) -> float:
    found = [ranks[0] for ranks in _ranks(rankings, relevant) if ranks]
    return len(found) / sum(found) * len(found) / len(rankings) if found else 0.0


@mean_reciprocal_rank.wrong("the rank of the last relevant document was used: the first relevant document counts")
def last_relevant(rankings: Lists, relevant: Lists) -> float:
    ranks = _ranks(rankings, relevant)
    return sum(1 / found[-1] for found in ranks if found) / len(ranks)


@mean_reciprocal_rank.wrong(
    "the reciprocal ranks of all relevant documents were averaged: only the first relevant document counts"
)
def all_relevant(rankings: Lists, relevant: Lists) -> float:
    ranks = _ranks(rankings, relevant)
    return sum(sum(1 / rank for rank in found) / len(found) for found in ranks if found) / len(ranks)


@mean_reciprocal_rank.wrong("the mean rank was returned: return the mean of the reciprocals")
def mean_rank(rankings: Lists, relevant: Lists) -> float:
    ranks = _ranks(rankings, relevant)
    return sum(float(found[0]) for found in ranks if found) / len(ranks)


@mean_reciprocal_rank.wrong("only the first document in the list `relevant` was searched: any relevant document counts")
def first_named(rankings: Lists, relevant: Lists) -> float:
    return mean_reciprocal_rank.fn(rankings, [right[:1] for right in relevant])


@mean_reciprocal_rank.wrong("a query without relevant documents was refused: here it counts as 0")
def refuses_queries(rankings: Lists, relevant: Lists) -> float:
    if not all(relevant):
        raise ValueError("no relevant documents")
    return mean_reciprocal_rank.fn(rankings, relevant)


@mean_reciprocal_rank.wrong("an empty list of queries gave 0: raise ValueError")
def zero_for_none(rankings: Lists, relevant: Lists) -> float:
    return mean_reciprocal_rank.fn(rankings, relevant) if rankings else 0.0
