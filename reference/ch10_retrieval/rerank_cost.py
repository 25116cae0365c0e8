"""A list with the number of tokens that each pass reads, counted and added up."""

from collections.abc import Callable

from reference import oracle

Costs = dict[str, dict[str, int]]


@oracle
def rerank_cost(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    if any(number < 0 for number in (documents, shortlist, query_tokens, document_tokens)):
        raise ValueError("negative")
    query, pair = [query_tokens], [query_tokens + document_tokens]
    index = [document_tokens] * documents
    passes = {
        "bi": (index, query),
        "cross": ([], pair * documents),
        "rerank": (index, query + (pair * documents)[:shortlist]),
    }
    return {
        name: {"before": len(before), "passes": len(after), "tokens": sum(after)}
        for name, (before, after) in passes.items()
    }


def _but(name: str, **fields: int) -> Callable[[Costs], Costs]:
    return lambda costs: {**costs, name: {**costs[name], **fields}}


@rerank_cost.right("the bi-encoder's costs, and what reranking adds to them")
def added(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    rerank_cost.fn(documents, shortlist, query_tokens, document_tokens)  # raises
    costs = {
        "bi": {"before": documents, "passes": 1, "tokens": query_tokens},
        "cross": {"before": 0, "passes": documents, "tokens": documents * query_tokens + documents * document_tokens},
    }
    n = documents if documents < shortlist else shortlist
    more = {"before": 0, "passes": n, "tokens": n * query_tokens + n * document_tokens}
    return {**costs, "rerank": {key: costs["bi"][key] + more[key] for key in more}}


@rerank_cost.wrong("the cross-encoder's passes were counted before the query: to read a pair, it needs the query")
def cross_beforehand(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    costs = rerank_cost.fn(documents, shortlist, query_tokens, document_tokens)
    return _but("cross", before=documents, passes=1, tokens=query_tokens)(costs)


@rerank_cost.wrong("the documents were embedded again for each query: their vectors are stored")
def embedded_again(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    costs = rerank_cost.fn(documents, shortlist, query_tokens, document_tokens)
    for name in ("bi", "rerank"):
        costs[name]["passes"] += documents
        costs[name]["tokens"] += documents * document_tokens
    return costs


@rerank_cost.wrong("the query's own pass was left out of reranking: the shortlist comes from the query's vector")
def no_query_pass(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    costs = rerank_cost.fn(documents, shortlist, query_tokens, document_tokens)
    costs["rerank"]["passes"] -= 1
    costs["rerank"]["tokens"] -= query_tokens
    return costs


@rerank_cost.wrong("the reranker was given stored vectors: it reads each text of the shortlist together with the query")
def reranks_vectors(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    costs = rerank_cost.fn(documents, shortlist, query_tokens, document_tokens)
    return _but("rerank", passes=2, tokens=2 * query_tokens)(costs)


@rerank_cost.wrong("the query was counted once for all pairs: it is read again with each document")
def query_once(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    costs = rerank_cost.fn(documents, shortlist, query_tokens, document_tokens)
    n = min(documents, shortlist)
    costs["rerank"]["tokens"] = query_tokens + n * document_tokens
    costs["cross"]["tokens"] = query_tokens + documents * document_tokens
    return costs


@rerank_cost.wrong("the query was counted once for all pairs of the cross-encoder: it is read again with each document")
def query_once_in_cross(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    costs = rerank_cost.fn(documents, shortlist, query_tokens, document_tokens)
    return _but("cross", tokens=query_tokens + documents * document_tokens)(costs)


@rerank_cost.wrong(
    "the query was counted once for all pairs of the reranker: it is read again with each document of the shortlist"
)
def query_once_in_rerank(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    costs = rerank_cost.fn(documents, shortlist, query_tokens, document_tokens)
    return _but("rerank", tokens=query_tokens + min(documents, shortlist) * document_tokens)(costs)


@rerank_cost.wrong("documents were embedded in advance for the cross-encoder too: it reads pairs and stores nothing")
def cross_before(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    costs = rerank_cost.fn(documents, shortlist, query_tokens, document_tokens)
    return _but("cross", before=documents)(costs)


@rerank_cost.wrong("only the documents' tokens were counted: a pair is one text of query and document")
def documents_only(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    costs = rerank_cost.fn(documents, shortlist, query_tokens, document_tokens)
    n = min(documents, shortlist)
    costs["rerank"]["tokens"] = n * document_tokens
    costs["cross"]["tokens"] = documents * document_tokens
    return costs


@rerank_cost.wrong("the shortlist was not limited: it cannot hold more documents than there are")
def unlimited(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    costs = rerank_cost.fn(documents, shortlist, query_tokens, document_tokens)
    pair = query_tokens + document_tokens
    return _but("rerank", passes=1 + shortlist, tokens=query_tokens + shortlist * pair)(costs)


@rerank_cost.wrong(
    "for reranking, no passes before the query were counted: the shortlist comes from the vectors of all documents"
)
def no_index(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    costs = rerank_cost.fn(documents, shortlist, query_tokens, document_tokens)
    return _but("rerank", before=0)(costs)


@rerank_cost.wrong(
    "only the shortlist was embedded before the query: the shortlist depends on the query, so embed all documents"
)
def indexes_the_shortlist(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    costs = rerank_cost.fn(documents, shortlist, query_tokens, document_tokens)
    return _but("rerank", before=min(documents, shortlist))(costs)


@rerank_cost.wrong("two passes were counted for each pair: a cross-encoder reads both texts in one pass")
def two_per_pair(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    costs = rerank_cost.fn(documents, shortlist, query_tokens, document_tokens)
    costs["cross"]["passes"] *= 2
    costs["rerank"]["passes"] += min(documents, shortlist)
    return costs


@rerank_cost.wrong("negative numbers were accepted: raise ValueError")
def unchecked(documents: int, shortlist: int, query_tokens: int, document_tokens: int) -> Costs:
    pair, n = query_tokens + document_tokens, min(documents, shortlist)
    return {
        "bi": {"before": documents, "passes": 1, "tokens": query_tokens},
        "cross": {"before": 0, "passes": documents, "tokens": documents * pair},
        "rerank": {"before": documents, "passes": 1 + n, "tokens": query_tokens + n * pair},
    }
