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
    """The other arguments let a wrong answer replace one step."""
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


@embedding_precision.right("int8 with codes and scales; the shares count which documents are in both sets")
def by_codes(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def int8(x: Tensor) -> Tensor:
        scale = x.double().abs().amax(1) / 127
        codes = (x.double() / scale.clamp(min=1e-300)[:, None]).round().to(torch.int8)
        return codes.double() * scale[:, None]

    def best(scores: Tensor, k: int) -> list[list[int]]:
        order = torch.argsort(-scores.nan_to_num(-torch.inf, torch.inf, -torch.inf), dim=-1, stable=True)
        return order[:, :k].tolist()

    return _shares(queries, documents, k, FORMATS | {"int8": int8}, best)


@embedding_precision.wrong("the queries were stored in 16 bits too: only the documents are stored")
def queries_stored_too(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, score=lambda f, q, x: _dot(FORMATS[f](q), FORMATS[f](x)))


@embedding_precision.wrong("fp16 and bf16 were swapped: fp16 has the finer steps, bf16 the wider range")
def swapped(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, {**FORMATS, "fp16": FORMATS["bf16"], "bf16": FORMATS["fp16"]})


@embedding_precision.wrong("numbers beyond fp16's range were set to 65,504: a cast changes them to inf")
def saturated(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, {**FORMATS, "fp16": lambda x: x.clamp(-65504, 65504).half().double()})


@embedding_precision.wrong("the last 16 bits were cut off to get bf16: a cast rounds to the nearest number")
def truncated_bf16(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def cut(x: Tensor) -> Tensor:
        return (x.float().contiguous().view(torch.int32) & -65536).view(torch.float32).double()

    return _shares(queries, documents, k, {**FORMATS, "bf16": cut})


@embedding_precision.wrong("one int8 scale was used for all documents: each document has its own")
def one_scale(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def int8(x: Tensor) -> Tensor:
        scale = x.double().abs().amax() / 127
        scale = torch.where(scale == 0, torch.ones_like(scale), scale)
        return torch.round(x.double() / scale) * scale

    return _shares(queries, documents, k, FORMATS | {"int8": int8})


@embedding_precision.wrong("each column got an int8 scale: each document has its own")
def scale_per_column(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, FORMATS | {"int8": lambda x: _int8(x.T).T})


@embedding_precision.wrong(
    "the int8 codes were not multiplied back: the documents have different scales, so codes cannot be compared"
)
def codes_compared(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def int8(x: Tensor) -> Tensor:
        scale = x.double().abs().amax(1, keepdim=True) / 127
        return torch.round(x.double() / scale.clamp(min=1e-300))

    return _shares(queries, documents, k, FORMATS | {"int8": int8})


@embedding_precision.wrong("the int8 codes were truncated: round to the nearest whole number")
def truncated_int8(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def int8(x: Tensor) -> Tensor:
        scale = x.abs().amax(1, keepdim=True) / 127
        return torch.trunc(x / torch.where(scale == 0, 1.0, scale)) * scale

    return _shares(queries, documents, k, FORMATS | {"int8": int8})


@embedding_precision.wrong(
    "the scale came from the largest number: use the largest absolute value, because numbers can be negative"
)
def signed_largest(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def int8(x: Tensor) -> Tensor:
        scale = x.double().amax(1, keepdim=True).clamp(min=1e-300) / 127
        return torch.round(x.double() / scale).clamp(-128, 127) * scale

    return _shares(queries, documents, k, FORMATS | {"int8": int8})


@embedding_precision.wrong("a document of zeros gave 0 / 0 = NaN and ranks last: it must stay zeros")
def nan_for_zeros(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def int8(x: Tensor) -> Tensor:
        scale = x.double().abs().amax(1, keepdim=True) / 127
        return torch.round(x.double() / scale) * scale

    return _shares(queries, documents, k, FORMATS | {"int8": int8})


@embedding_precision.wrong("a NaN was ranked first, where torch's sort and topk put it: it must rank last")
def nan_first(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def best(scores: Tensor, k: int) -> list[list[int]]:
        return scores.sort(dim=-1, descending=True, stable=True).indices[:, :k].tolist()

    return _shares(queries, documents, k, best=best)


@embedding_precision.wrong(
    "in a tie the document with the higher number was ranked first: the lower number must come first"
)
def higher_number_wins(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    def best(scores: Tensor, k: int) -> list[list[int]]:
        n = scores.shape[1]
        return [[n - 1 - i for i in row] for row in _best(scores.flip(-1), k)]

    return _shares(queries, documents, k, best=best)


@embedding_precision.wrong(
    "ranks were compared: a document may change its rank and still be among the k best, so compare sets"
)
def places(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, kept=lambda t, f: sum(a == b for a, b in zip(t, f, strict=True)) / len(t))


@embedding_precision.wrong("the count was divided by the union of both sets: divide by k")
def jaccard(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, kept=lambda t, f: len(set(t) & set(f)) / len(set(t) | set(f)))


@embedding_precision.wrong("the share that is lost was returned: return the share that is kept")
def lost(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, kept=lambda t, f: 1 - _kept(t, f))


@embedding_precision.wrong("the value is 1 only if all k are kept: return the share that is kept")
def all_or_nothing(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, k, kept=lambda t, f: float(set(t) == set(f)))


@embedding_precision.wrong(
    "the scores were rounded to the stored dtype too: compute them in float64, because only storage rounds"
)
def scores_rounded(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    dtypes = {"fp16": torch.float16, "bf16": torch.bfloat16, "int8": torch.float64}
    return _shares(queries, documents, k, score=lambda f, q, x: _dot(q, FORMATS[f](x)).to(dtypes[f]).double())


@embedding_precision.wrong("a k above the number of documents was reduced to this number: raise ValueError")
def k_cut_down(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, min(k, len(documents)))


@embedding_precision.wrong("a k below 1 or above the number of documents was accepted: raise ValueError")
def any_k(queries: Tensor, documents: Tensor, k: int) -> dict[str, float]:
    return _shares(queries, documents, min(max(k, 1), len(documents)))
