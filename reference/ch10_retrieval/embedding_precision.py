"""Sets of numbers, from plain sorts, compared query by query."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reference import oracle

Formats = dict[str, Callable[[Tensor], Tensor]]


def _int8(x: Tensor) -> Tensor:
    rows = []
    for row in x.double():
        largest = row.abs().amax()
        rows.append(row if largest == 0 else torch.round(row / (largest / 127)) * (largest / 127))
    return torch.stack(rows)


FORMATS: Formats = {
    "fp16": lambda x: x.to(torch.float16).double(),
    "bf16": lambda x: x.to(torch.bfloat16).double(),
    "int8": _int8,
}


def _best(scores: Tensor, k: int) -> list[list[int]]:
    def key(row: list[float], i: int) -> tuple[float, int]:
        return (math.inf if math.isnan(row[i]) else -row[i], i)

    return [sorted(range(len(row)), key=lambda i, row=row: key(row, i))[:k] for row in scores.tolist()]  # type: ignore[misc]


def _kept(true: list[int], found: list[int]) -> float:
    return len(set(true) & set(found)) / len(true)


def _dot(queries: Tensor, documents: Tensor) -> Tensor:
    return queries.double() @ documents.double().T


def _shares(
    queries: Tensor,
    documents: Tensor,
    k: int,
    formats: Formats = FORMATS,
    best: Any = _best,
    kept: Callable[[list[int], list[int]], float] = _kept,
    score: Any = None,
) -> dict[str, float]:
    """The other arguments are what a wrong answer does otherwise."""
    if k < 1 or k > len(documents):
        raise ValueError("k must be between 1 and the number of documents")
    true = best(_dot(queries, documents), k)
    shares = {}
    for name, stored in formats.items():
        scores = score(name, queries, documents) if score else _dot(queries, stored(documents))
        shares[name] = sum(map(kept, true, best(scores, k))) / len(true)
    return shares


@oracle
def embedding_precision(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k)


@embedding_precision.right("int8 by a table of codes and scales, shares by membership")
def by_codes(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def int8(x: Tensor) -> Tensor:
        scale = x.double().abs().amax(1) / 127
        codes = (x.double() / scale.clamp(min=1e-300)[:, None]).round().to(torch.int8)
        return codes.double() * scale[:, None]

    def best(scores: Tensor, k: int) -> list[list[int]]:
        order = torch.argsort(-scores.nan_to_num(-torch.inf, torch.inf, -torch.inf), dim=-1, stable=True)
        return order[:, :k].tolist()

    return _shares(queries, documents, k, FORMATS | {"int8": int8}, best)


@embedding_precision.wrong("the queries stored in 16 bits as well: only the documents are")
def queries_stored_too(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, score=lambda f, q, x: _dot(FORMATS[f](q), FORMATS[f](x)))


@embedding_precision.wrong("fp16 and bf16 taken for each other: fp16 has the finer steps, bf16 the wider range")
def swapped(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, {**FORMATS, "fp16": FORMATS["bf16"], "bf16": FORMATS["fp16"]})


@embedding_precision.wrong("numbers beyond fp16 set to 65,504: a cast makes them inf")
def saturated(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, {**FORMATS, "fp16": lambda x: x.clamp(-65504, 65504).half().double()})


@embedding_precision.wrong("bf16 by cutting off 16 bits: a cast rounds to nearest")
def truncated_bf16(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def cut(x: Tensor) -> Tensor:
        return (x.float().contiguous().view(torch.int32) & -65536).view(torch.float32).double()

    return _shares(queries, documents, k, {**FORMATS, "bf16": cut})


@embedding_precision.wrong("one int8 scale for all documents: each has its own")
def one_scale(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def int8(x: Tensor) -> Tensor:
        scale = x.double().abs().amax() / 127
        scale = torch.where(scale == 0, torch.ones_like(scale), scale)
        return torch.round(x.double() / scale) * scale

    return _shares(queries, documents, k, FORMATS | {"int8": int8})


@embedding_precision.wrong("an int8 scale for each column: each document has its own")
def scale_per_column(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, FORMATS | {"int8": lambda x: _int8(x.T).T})


@embedding_precision.wrong("int8 codes not multiplied back: each document has another scale, so codes do not compare")
def codes_compared(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def int8(x: Tensor) -> Tensor:
        scale = x.double().abs().amax(1, keepdim=True) / 127
        return torch.round(x.double() / scale.clamp(min=1e-300))

    return _shares(queries, documents, k, FORMATS | {"int8": int8})


@embedding_precision.wrong("int8 codes cut off, not rounded: to whole numbers, to the nearest")
def truncated_int8(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def int8(x: Tensor) -> Tensor:
        scale = x.abs().amax(1, keepdim=True) / 127
        return torch.trunc(x / torch.where(scale == 0, 1.0, scale)) * scale

    return _shares(queries, documents, k, FORMATS | {"int8": int8})


@embedding_precision.wrong(
    "a scale from the largest number, not the largest size: a document of negative numbers is lost"
)
def signed_largest(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def int8(x: Tensor) -> Tensor:
        scale = x.double().amax(1, keepdim=True).clamp(min=1e-300) / 127
        return torch.round(x.double() / scale).clamp(-128, 127) * scale

    return _shares(queries, documents, k, FORMATS | {"int8": int8})


@embedding_precision.wrong("0 / 0 for a document of zeros: its numbers become NaN, and it ranks last")
def nan_for_zeros(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def int8(x: Tensor) -> Tensor:
        scale = x.double().abs().amax(1, keepdim=True) / 127
        return torch.round(x.double() / scale) * scale

    return _shares(queries, documents, k, FORMATS | {"int8": int8})


@embedding_precision.wrong("a NaN ranked first, where torch's sort and topk put it: it is to rank last")
def nan_first(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def best(scores: Tensor, k: int) -> list[list[int]]:
        return scores.sort(dim=-1, descending=True, stable=True).indices[:, :k].tolist()

    return _shares(queries, documents, k, best=best)


@embedding_precision.wrong("of equal scores the higher number ranked first: the lower is to come first")
def higher_number_wins(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def best(scores: Tensor, k: int) -> list[list[int]]:
        n = scores.shape[1]
        return [[n - 1 - i for i in row] for row in _best(scores.flip(-1), k)]

    return _shares(queries, documents, k, best=best)


@embedding_precision.wrong("places compared, not sets: a document that moves within the k best is still among them")
def places(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, kept=lambda t, f: sum(a == b for a, b in zip(t, f, strict=True)) / len(t))


@embedding_precision.wrong("divided by the union of both sets: it is the share of the true k")
def jaccard(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, kept=lambda t, f: len(set(t) & set(f)) / len(set(t) | set(f)))


@embedding_precision.wrong("the share that is lost: the share that is kept is asked for")
def lost(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, kept=lambda t, f: 1 - _kept(t, f))


@embedding_precision.wrong("1 only if all k are kept: a share of them is asked for")
def all_or_nothing(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, kept=lambda t, f: float(set(t) == set(f)))


@embedding_precision.wrong("scores rounded to the stored dtype too: they are float64, only storage rounds")
def scores_rounded(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    dtypes = {"fp16": torch.float16, "bf16": torch.bfloat16, "int8": torch.float64}
    return _shares(queries, documents, k, score=lambda f, q, x: _dot(q, FORMATS[f](x)).to(dtypes[f]).double())


@embedding_precision.wrong("a k above the number of documents cut down to it: raise ValueError")
def k_cut_down(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, min(k, len(documents)))


@embedding_precision.wrong("a k that is no number of documents let through: raise ValueError")
def any_k(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, min(max(k, 1), len(documents)))
