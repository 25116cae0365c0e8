"""Was it found, and how far down?

Two numbers judge a retriever. Recall at k is the share of the relevant documents that are among the first k, in any
order. The mean reciprocal rank says how far a reader must go to the first relevant document.
"""


def recall_at_k(rankings: list[list[int]], relevant: list[list[int]], k: int) -> float:
    """The mean over queries of: relevant documents among the first k of the ranking / all relevant documents.

    A ranking lists documents by number, best first, none twice. It may be shorter than k. A query's ranking and its
    relevant documents are at the same place of the two lists.

        recall_at_k([[7, 3, 9, 1]], [[3, 1, 5]], 3)              ->  1/3      of 3, 1 and 5 only 3 is there
        recall_at_k([[7, 3, 9, 1], [2, 4]], [[3, 1, 5], [2]], 4) ->  (2/3 + 1) / 2 = 0.8333

    Raises ValueError if k is less than 1, if there are no queries, or if a query has no relevant document.
    """
    raise NotImplementedError("your turn")


def mean_reciprocal_rank(rankings: list[list[int]], relevant: list[list[int]]) -> float:
    """The mean over queries of 1 / (rank of the first relevant document), counted from 1; 0 if none is listed,
    or if a query has no relevant document.

        mean_reciprocal_rank([[7, 3, 9, 1], [2, 4], [5]], [[3, 1], [2], [8]])  ->  (1/2 + 1 + 0) / 3 = 0.5

    Raises ValueError if there are no queries.
    """
    raise NotImplementedError("your turn")
