"""What a reranker reads

A bi-encoder reads each text once, by itself. A cross-encoder reads query and document together, so it can read nothing
before the query is there, and each pair costs a forward pass. Reranking is the compromise: search with the
bi-encoder, then read a shortlist with the cross-encoder.
"""


def rerank_cost(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> dict[str, dict[str, int]]:
    """For three systems: forward passes before the first query, passes for each query, and tokens read for each query.

    "bi"       a bi-encoder alone
    "cross"    a cross-encoder that scores the query with every document
    "rerank"   the bi-encoder, then the cross-encoder on the `shortlist` best documents (on all, if there are fewer)

    Every document has `document_tokens` and every query has `query_tokens`. The cross-encoder reads a pair as one
    text. For 1,000 documents of 200 tokens, a shortlist of 50 and queries of 20 tokens:

        {"bi":     {"before": 1000, "passes": 1,    "tokens": 20},
         "cross":  {"before": 0,    "passes": 1000, "tokens": 220_000},
         "rerank": {"before": 1000, "passes": 51,   "tokens": 11_020}}

    Raises ValueError if an argument is negative.
    """
    ### BEGIN SOLUTION
    if min(documents, shortlist, query_tokens, document_tokens) < 0:
        raise ValueError("nothing here is negative")
    pair = query_tokens + document_tokens
    pairs = min(shortlist, documents)
    return {
        "bi": {"before": documents, "passes": 1, "tokens": query_tokens},
        "cross": {"before": 0, "passes": documents, "tokens": documents * pair},
        "rerank": {"before": documents, "passes": 1 + pairs, "tokens": query_tokens + pairs * pair},
    }
    ### END SOLUTION
