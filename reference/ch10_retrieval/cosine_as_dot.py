"""The dot products, divided by the lengths afterwards."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import oracle, promoted


def _checked(queries: Tensor, documents: Tensor) -> None:
    if queries.shape[-1] != documents.shape[-1]:
        raise ValueError("queries and documents must have the same width")


@oracle
def cosine_as_dot(queries: Tensor, documents: Tensor) -> Tensor:
    _checked(queries, documents)
    q, d = promoted(queries, documents)
    dots = (q.unsqueeze(1) * d).sum(-1)
    lengths = ((q**2).sum(-1, keepdim=True) * (d**2).sum(-1)).sqrt()
    return torch.where(lengths == 0, torch.zeros_like(dots), dots / lengths).to(queries.dtype)


def _unit(x: Tensor) -> Tensor:
    return F.normalize(x.float(), dim=-1, eps=1e-30)


def _cosines(
    queries: Tensor,
    documents: Tensor,
    query: Callable[[Tensor], Tensor] = _unit,
    document: Callable[[Tensor], Tensor] = _unit,
) -> Tensor:
    _checked(queries, documents)
    return (query(queries) @ document(documents).T).to(queries.dtype)


@cosine_as_dot.right("the library's function, for each pair")
def library(queries: Tensor, documents: Tensor) -> Tensor:
    _checked(queries, documents)
    return F.cosine_similarity(queries.float()[:, None], documents.float()[None], dim=-1).to(queries.dtype)


@cosine_as_dot.right("pair by pair")
def pair_by_pair(queries: Tensor, documents: Tensor) -> Tensor:
    _checked(queries, documents)
    cosines = torch.zeros(len(queries), len(documents))
    for i, u in enumerate(_unit(queries)):
        for j, v in enumerate(_unit(documents)):
            cosines[i, j] = (u * v).sum()
    return cosines.to(queries.dtype)


@cosine_as_dot.right("by the distance of the unit vectors: 1 − ‖u − v‖² / 2")
def by_distance(queries: Tensor, documents: Tensor) -> Tensor:
    _checked(queries, documents)
    u, v = _unit(queries), _unit(documents)
    squares = (u * u).sum(-1)[:, None] + (v * v).sum(-1)
    return ((squares - ((u[:, None] - v) ** 2).sum(-1)) / 2).to(queries.dtype)


@cosine_as_dot.wrong("the rows were not normalized: a dot product grows with the lengths, a cosine does not")
def plain_dot(queries: Tensor, documents: Tensor) -> Tensor:
    return _cosines(queries, documents, Tensor.float, Tensor.float)


@cosine_as_dot.wrong("only the documents were normalized: the result still grows with the lengths of the queries")
def documents_only(queries: Tensor, documents: Tensor) -> Tensor:
    return _cosines(queries, documents, query=Tensor.float)


@cosine_as_dot.wrong("only the queries were normalized: a long document still beats a document with a closer direction")
def queries_only(queries: Tensor, documents: Tensor) -> Tensor:
    return _cosines(queries, documents, document=Tensor.float)


@cosine_as_dot.wrong("the columns were normalized: a row is a vector")
def columns(queries: Tensor, documents: Tensor) -> Tensor:
    def unit(x: Tensor) -> Tensor:
        return F.normalize(x.float(), dim=0)

    return _cosines(queries, documents, unit, unit)


@cosine_as_dot.wrong("the result is documents × queries: return a row for each query and a column for each document")
def transposed(queries: Tensor, documents: Tensor) -> Tensor:
    return _cosines(queries, documents).T


@cosine_as_dot.wrong(
    "the cosine distance 1 − cosine was returned: return the cosine, which is large for similar vectors"
)
def distance(queries: Tensor, documents: Tensor) -> Tensor:
    return 1 - _cosines(queries, documents)


@cosine_as_dot.wrong("the absolute value of the cosine was returned: opposite directions have −1, not 1")
def without_sign(queries: Tensor, documents: Tensor) -> Tensor:
    return _cosines(queries, documents).abs()


@cosine_as_dot.wrong("the products were divided by the squared lengths: divide by the lengths, their square roots")
def by_squares(queries: Tensor, documents: Tensor) -> Tensor:
    def unit(x: Tensor) -> Tensor:
        return x.float() / (x.float() ** 2).sum(-1, keepdim=True).clamp(min=1e-30)

    return _cosines(queries, documents, unit, unit)


@cosine_as_dot.wrong("the unit vectors were rounded to 16 bits before the product: round once, after the product")
def rounded_units(queries: Tensor, documents: Tensor) -> Tensor:
    return _cosines(queries, documents, *(lambda x: _unit(x).to(queries.dtype).float(),) * 2)


@cosine_as_dot.wrong("the result has the dtype of the documents: the queries decide the dtype")
def dtype_of_documents(queries: Tensor, documents: Tensor) -> Tensor:
    return _cosines(queries.float(), documents).to(documents.dtype)


@cosine_as_dot.wrong(
    "the rows were divided by the sum of absolute values: this is the L1 norm, and a length is the L2 norm"
)
def by_the_l1_norm(queries: Tensor, documents: Tensor) -> Tensor:
    def unit(x: Tensor) -> Tensor:
        return F.normalize(x.float(), p=1.0, dim=-1)

    return _cosines(queries, documents, unit, unit)


@cosine_as_dot.wrong("a small number was added to the lengths: cosines of short vectors come out too small")
def epsilon_added(queries: Tensor, documents: Tensor) -> Tensor:
    def unit(x: Tensor) -> Tensor:
        return x.float() / (x.float().norm(dim=-1, keepdim=True) + 1e-6)

    return _cosines(queries, documents, unit, unit)


@cosine_as_dot.wrong(
    "everything was computed in the dtype of the input: in fp16 the square of 256 is inf, and the cosine is 0 or NaN"
)
def low_precision_inside(queries: Tensor, documents: Tensor) -> Tensor:
    def unit(x: Tensor) -> Tensor:
        norm = (x * x).sum(-1, keepdim=True).sqrt()
        return x / norm.masked_fill(norm == 0, 1.0)

    return _cosines(queries, documents, unit, unit)


@cosine_as_dot.wrong("a row of zeros gave 0 / 0 = NaN: its cosine must be 0")
def nan_on_zeros(queries: Tensor, documents: Tensor) -> Tensor:
    def unit(x: Tensor) -> Tensor:
        return x.float() / x.float().norm(dim=-1, keepdim=True)

    return _cosines(queries, documents, unit, unit)


@cosine_as_dot.wrong("a width of 1 was broadcast against another width, which `*` does silently: compare the widths")
def broadcasts(queries: Tensor, documents: Tensor) -> Tensor:
    if 1 not in (queries.shape[-1], documents.shape[-1]):
        _checked(queries, documents)
    return F.cosine_similarity(queries.float()[:, None], documents.float()[None], dim=-1).to(queries.dtype)


@cosine_as_dot.wrong("unequal widths were not checked: the matmul raises RuntimeError; raise ValueError")
def runtime_error(queries: Tensor, documents: Tensor) -> Tensor:
    return (_unit(queries) @ _unit(documents).T).to(queries.dtype)


cosine_as_dot.standard_wrongs("returns_fp32", of="the queries", formula=_cosines)
