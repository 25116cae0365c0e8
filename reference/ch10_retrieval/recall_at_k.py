"""Counted by hand: a mark for each place of a ranking, and sums of marks."""

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


@recall_at_k.right("asked from the other side: for each relevant document, is it among the first k?")
def by_document(rankings: Lists, relevant: Lists, k: int) -> float:
    return _recall(rankings, relevant, k, lambda top, right: sum(d in top for d in right) / len(right))


@recall_at_k.wrong(
    "divided by k: that is precision, the share of what was returned; recall is the share of what is right"
)
def precision(rankings: Lists, relevant: Lists, k: int) -> float:
    return _recall(rankings, relevant, k, lambda top, right: sum(_marks(top, right)) / k)


@recall_at_k.wrong("1 if any was found: that is the hit rate; recall wants the share of all relevant ones")
def hit_rate(rankings: Lists, relevant: Lists, k: int) -> float:
    return _recall(rankings, relevant, k, lambda top, right: float(any(_marks(top, right))))


@recall_at_k.wrong("1 only if all were found: recall counts the share")
def all_or_nothing(rankings: Lists, relevant: Lists, k: int) -> float:
    return _recall(rankings, relevant, k, lambda top, right: float(set(right) <= set(top)))


@recall_at_k.wrong("divided by k where more are relevant: a query with ten right answers cannot reach 1 at k = 3")
def capped(rankings: Lists, relevant: Lists, k: int) -> float:
    return _recall(rankings, relevant, k, lambda top, right: sum(_marks(top, right)) / min(k, len(right)))


@recall_at_k.wrong("k ignored: only the first k of a ranking count")
def whole_ranking(rankings: Lists, relevant: Lists, k: int) -> float:
    return recall_at_k.fn(rankings, relevant, k + max(map(len, rankings), default=0))


@recall_at_k.wrong("one place too few: the first k are ranking[:k]")
def one_too_few(rankings: Lists, relevant: Lists, k: int) -> float:
    return _recall(rankings, relevant, k, lambda top, right: sum(_marks(top[: k - 1], right)) / len(right))


@recall_at_k.wrong("the last k of the ranking: the best come first")
def last_k(rankings: Lists, relevant: Lists, k: int) -> float:
    return recall_at_k.fn([ranking[::-1] for ranking in rankings], relevant, k)


@recall_at_k.wrong(
    "found and relevant added up over all queries and divided then: it is the mean of the queries' shares"
)
def pooled(rankings: Lists, relevant: Lists, k: int) -> float:
    recall_at_k.fn(rankings, relevant, k)
    found = sum(sum(_marks(r[:k], right)) for r, right in zip(rankings, relevant, strict=True))
    return found / sum(map(len, relevant))


@recall_at_k.wrong("the sum over the queries: their mean is asked for")
def summed(rankings: Lists, relevant: Lists, k: int) -> float:
    return recall_at_k.fn(rankings, relevant, k) * len(rankings)


@recall_at_k.wrong("a query without relevant documents left out of the mean: raise ValueError")
def skips_queries(rankings: Lists, relevant: Lists, k: int) -> float:
    pairs = [(ranking, right) for ranking, right in zip(rankings, relevant, strict=True) if right]
    if not pairs:
        raise ValueError("no queries")
    return recall_at_k.fn([ranking for ranking, _ in pairs], [right for _, right in pairs], k)


@recall_at_k.wrong("k below 1 let through: raise ValueError")
def any_k(rankings: Lists, relevant: Lists, k: int) -> float:
    recall_at_k.fn(rankings, relevant, max(k, 1))
    return sum(
        sum(_marks(r[: max(k, 0)], right)) / len(right) for r, right in zip(rankings, relevant, strict=True)
    ) / len(rankings)


@recall_at_k.wrong("no queries, or a k below 1, let through: raise ValueError")
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


@mean_reciprocal_rank.right("the smallest of the ranks, infinite if there is none")
def smallest_rank(rankings: Lists, relevant: Lists) -> float:
    ranks = _ranks(rankings, relevant)
    return sum(1 / min([*found, float("inf")]) for found in ranks) / len(ranks)


@mean_reciprocal_rank.wrong("one added to a rank that counts from 1 already: the first place is worth 1, not 1/2")
def one_too_many(rankings: Lists, relevant: Lists) -> float:
    ranks = _ranks(rankings, relevant)
    return sum(1 / (found[0] + 1) for found in ranks if found) / len(ranks)


@mean_reciprocal_rank.wrong("queries that found nothing left out of the mean: they count as 0")
def skips_misses(rankings: Lists, relevant: Lists) -> float:
    found = [ranks[0] for ranks in _ranks(rankings, relevant) if ranks]
    return sum(1 / rank for rank in found) / max(len(found), 1)


@mean_reciprocal_rank.wrong("one over the mean rank: take the reciprocals first, then their mean")
def reciprocal_of_mean(rankings: Lists, relevant: Lists) -> float:
    found = [ranks[0] for ranks in _ranks(rankings, relevant) if ranks]
    return len(found) / sum(found) * len(found) / len(rankings) if found else 0.0


@mean_reciprocal_rank.wrong("the last relevant document's rank: the first one counts")
def last_relevant(rankings: Lists, relevant: Lists) -> float:
    ranks = _ranks(rankings, relevant)
    return sum(1 / found[-1] for found in ranks if found) / len(ranks)


@mean_reciprocal_rank.wrong("the reciprocal ranks of all relevant documents averaged: only the first one counts")
def all_relevant(rankings: Lists, relevant: Lists) -> float:
    ranks = _ranks(rankings, relevant)
    return sum(sum(1 / rank for rank in found) / len(found) for found in ranks if found) / len(ranks)


@mean_reciprocal_rank.wrong("the mean rank itself: it is the reciprocals that are averaged")
def mean_rank(rankings: Lists, relevant: Lists) -> float:
    ranks = _ranks(rankings, relevant)
    return sum(float(found[0]) for found in ranks if found) / len(ranks)


@mean_reciprocal_rank.wrong("the rank of the document that is named first among the relevant: any of them will do")
def first_named(rankings: Lists, relevant: Lists) -> float:
    return mean_reciprocal_rank.fn(rankings, [right[:1] for right in relevant])


@mean_reciprocal_rank.wrong(
    "a query without relevant documents refused: it counts as 0 here, there is nothing to divide by"
)
def refuses_queries(rankings: Lists, relevant: Lists) -> float:
    if not all(relevant):
        raise ValueError("no relevant documents")
    return mean_reciprocal_rank.fn(rankings, relevant)


@mean_reciprocal_rank.wrong("an empty list of queries given 0: raise ValueError")
def zero_for_none(rankings: Lists, relevant: Lists) -> float:
    return mean_reciprocal_rank.fn(rankings, relevant) if rankings else 0.0
