"""Was the document found, and at which rank?

Two numbers judge a retriever. Recall at k is the share of the relevant documents that are among the first k, in any
order. The mean reciprocal rank shows how far down the list the first relevant document is.
"""


def recall_at_k(rankings: list[list[int]], relevant: list[list[int]], k: int) -> float:
    """The mean over queries of: (number of relevant documents among the first k) / (number of relevant documents).

    A ranking lists the numbers of documents, the best first, and no document twice. It may be shorter than k. A
    query's ranking and its relevant documents are at the same position in the two lists.

        recall_at_k([[7, 3, 9, 1]], [[3, 1, 5]], 3)              ->  1/3      only 3 is found, not 1 or 5
        recall_at_k([[7, 3, 9, 1], [2, 4]], [[3, 1, 5], [2]], 4) ->  (2/3 + 1) / 2 = 0.8333

    Raises ValueError if k is less than 1, if there are no queries, or if a query has no relevant document.
    """
    raise NotImplementedError("your turn")


def mean_reciprocal_rank(rankings: list[list[int]], relevant: list[list[int]]) -> float:
    """The mean over queries of 1 / (rank of the first relevant document). The first rank is 1. A query counts as 0 if
    its ranking lists no relevant document, or if it has no relevant document.

        mean_reciprocal_rank([[7, 3, 9, 1], [2, 4], [5]], [[3, 1], [2], [8]])  ->  (1/2 + 1 + 0) / 3 = 0.5

    Raises ValueError if there are no queries.
    """
    raise NotImplementedError("your turn")
