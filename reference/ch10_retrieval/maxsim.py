"""Document by document, token of the query by token of the query."""

from collections.abc import Callable

import torch
from torch import Tensor

from reference import oracle, promoted


@oracle
def maxsim(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    scores = []
    wide, texts = promoted(query, documents)
    for tokens, real in zip(texts, mask, strict=True):
        if not real.any():
            scores.append(torch.full_like(wide[0, 0], -torch.inf))
            continue
        best = [(tokens[real] * token).sum(-1).amax() for token in wide]
        scores.append(torch.stack(best).sum())
    return (torch.stack(scores) if scores else wide.new_zeros(0)).to(query.dtype)


def _similar(query: Tensor, documents: Tensor) -> Tensor:
    return torch.einsum("qd,ntd->nqt", query.float(), documents.float())


def _hidden(similar: Tensor, mask: Tensor, value: float = -torch.inf) -> Tensor:
    return similar.masked_fill(~mask.unsqueeze(1), value)


def _variant(query: Tensor, documents: Tensor, mask: Tensor, score: Callable[[Tensor], Tensor]) -> Tensor:
    """`score` turns the similarities of real tokens, (n, q, t), into scores; a document without tokens gets −inf."""
    scores = score(_similar(query, documents))
    return scores.masked_fill(~mask.any(-1), -torch.inf).to(query.dtype)


@maxsim.right("all products in one matrix product, then two reductions")
def one_product(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    n, t, d = documents.shape
    similar = (documents.float().reshape(n * t, d) @ query.float().T).reshape(n, t, len(query))
    return similar.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(1).sum(-1).to(query.dtype)


@maxsim.right("one token of each document after the other, with a running maximum")
def running(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    best = torch.full((len(documents), len(query)), -torch.inf)
    for tokens, real in zip(documents.float().unbind(1), mask.unbind(1), strict=True):
        best[real] = torch.maximum(best, tokens @ query.float().T)[real]
    return best.sum(-1).to(query.dtype)


@maxsim.wrong("the mean over the query's tokens was taken: take their sum")
def mean_over_query(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    return _variant(query, documents, mask, lambda s: _hidden(s, mask).amax(-1).mean(-1))


@maxsim.wrong(
    "the maximum is on the wrong side: each token of the query looks for its best match, not each token of the document"
)
def wrong_side(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    return _variant(query, documents, mask, lambda s: s.amax(1).masked_fill(~mask, 0).sum(-1))


@maxsim.wrong("the mean over the document's tokens was taken: take the maximum, so that one good match counts in full")
def mean_over_tokens(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    return _variant(
        query, documents, mask, lambda s: (_hidden(s, mask, 0).sum(-1) / mask.sum(-1, keepdim=True)).sum(-1)
    )


@maxsim.wrong("all products were added up: take the maximum over the document's tokens; with a sum, long texts win")
def sum_of_all(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    return _variant(query, documents, mask, lambda s: _hidden(s, mask, 0).sum((1, 2)))


@maxsim.wrong("one maximum was taken for the whole query: every token of the query has its own maximum")
def one_maximum(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    return _variant(query, documents, mask, lambda s: _hidden(s, mask).amax((1, 2)))


@maxsim.wrong("softmax weights were used, as in attention: only the best token counts")
def soft_maximum(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    return _variant(
        query, documents, mask, lambda s: (_hidden(s, mask).softmax(-1).nan_to_num() * _hidden(s, mask, 0)).sum((1, 2))
    )


@maxsim.wrong("the largest absolute value was taken: an opposite vector is no match")
def without_sign(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    return _variant(query, documents, mask, lambda s: _hidden(s.abs(), mask).amax(-1).sum(-1))


@maxsim.wrong("padding was compared too: use the mask")
def ignores_mask(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    return _variant(query, documents, mask, lambda s: s.amax(-1).sum(-1))


@maxsim.wrong("padding got similarity 0: it wins if all real similarities are negative; hide it with -inf")
def zero_for_filling(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    return _variant(query, documents, mask, lambda s: _hidden(s, mask, 0).amax(-1).sum(-1))


@maxsim.wrong(
    "padding got similarity −10,000: real similarities may be lower, and a document with only padding must score -inf"
)
def finite_for_filling(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    return _hidden(_similar(query, documents), mask, -1e4).amax(-1).sum(-1).to(query.dtype)


@maxsim.wrong("-inf was added to the similarity of padding: NaN and inf in the padding then give NaN; use masked_fill")
def added_mask(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    similar = _similar(query, documents) + torch.where(mask, 0.0, -torch.inf).unsqueeze(1)
    return similar.amax(-1).sum(-1).to(query.dtype)


@maxsim.wrong("the scores have the dtype of the documents: the query decides the dtype")
def dtype_of_documents(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    return _hidden(_similar(query, documents), mask).amax(-1).sum(-1).to(documents.dtype)


@maxsim.wrong("the mask was inverted: True marks the real tokens")
def inverted(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    return _hidden(_similar(query, documents), ~mask).amax(-1).sum(-1).to(query.dtype)


@maxsim.wrong("a document without tokens scores 0, above every document with a negative score: it must score -inf")
def empty_is_zero(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    scores = _hidden(_similar(query, documents), mask).amax(-1).sum(-1)
    return scores.masked_fill(~mask.any(-1), 0).to(query.dtype)


@maxsim.wrong("the products were rounded to 16 bits or added in 16 bits: compute in float32 and round the sum once")
def low_precision_inside(query: Tensor, documents: Tensor, mask: Tensor) -> Tensor:
    best = _hidden(_similar(query, documents).to(query.dtype), mask).amax(-1)
    total = torch.zeros_like(best[:, 0])
    for one in best.unbind(-1):
        total = total + one
    return total


maxsim.standard_wrongs("returns_fp32", of="the query", formula=one_product)
