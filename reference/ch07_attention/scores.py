"""Multiply, sum, divide: no einsum, so a wrong letter cannot be shared."""

import math

import torch
from torch import Tensor

from reference import oracle, promoted


@oracle
def scores(q: Tensor, k: Tensor) -> Tensor:
    if q.shape[:2] != k.shape[:2] or q.shape[3] != k.shape[3]:
        raise ValueError("batch, heads and width must agree")
    wide_q, wide_k = promoted(q, k)
    return (wide_q @ wide_k.transpose(-1, -2) / math.sqrt(q.shape[-1])).to(q.dtype)


def _contract(q: Tensor, k: Tensor, scale: float) -> Tensor:
    if q.shape[:2] != k.shape[:2] or q.shape[3] != k.shape[3]:
        raise ValueError("batch, heads and width must agree")
    return (torch.einsum("bhqd,bhkd->bhqk", q.float(), k.float()) * scale).to(q.dtype)


@scores.right("the queries scaled first")
def scaled_queries(q: Tensor, k: Tensor) -> Tensor:
    if q.shape[:2] != k.shape[:2] or q.shape[3] != k.shape[3]:
        raise ValueError("batch, heads and width must agree")
    return ((q.float() / q.shape[-1] ** 0.5) @ k.float().mT).to(q.dtype)


@scores.right("by broadcasting and summing")
def by_sum(q: Tensor, k: Tensor) -> Tensor:
    if q.shape[:2] != k.shape[:2] or q.shape[3] != k.shape[3]:
        raise ValueError("batch, heads and width must agree")
    products = q.float().unsqueeze(3) * k.float().unsqueeze(2)
    return (products.sum(-1) / math.sqrt(q.shape[-1])).to(q.dtype)


@scores.right("by loops over the width, in order")
def in_order(q: Tensor, k: Tensor) -> Tensor:
    if q.shape[:2] != k.shape[:2] or q.shape[3] != k.shape[3]:
        raise ValueError("batch, heads and width must agree")
    total = torch.zeros(*q.shape[:3], k.shape[2])
    for i in range(q.shape[3]):
        total = total + q[..., i].float().unsqueeze(-1) * k[..., i].float().unsqueeze(-2)
    return (total / math.sqrt(q.shape[-1])).to(q.dtype)


@scores.wrong("scaled by 1/d: the scale is 1/√d")
def by_d(q: Tensor, k: Tensor) -> Tensor:
    return _contract(q, k, 1 / q.shape[-1])


@scores.wrong("scaled by 1/√d_model, all heads together: it is the width of one head that counts")
def by_d_model(q: Tensor, k: Tensor) -> Tensor:
    return _contract(q, k, (q.shape[-1] * q.shape[1]) ** -0.5)


@scores.wrong("not scaled")
def unscaled(q: Tensor, k: Tensor) -> Tensor:
    return _contract(q, k, 1.0)


@scores.wrong("divided by the root of the number of keys: it is the width of a head that counts, q.shape[-1]")
def by_keys(q: Tensor, k: Tensor) -> Tensor:
    return _contract(q, k, k.shape[-2] ** -0.5)


@scores.wrong("k not transposed: the product needs the width next to the width, q @ k.mT")
def not_transposed(q: Tensor, k: Tensor) -> Tensor:
    return (q.float() @ k.float() / math.sqrt(q.shape[-1])).to(q.dtype)


@scores.wrong("k.T turns all four axes round: swap only the last two, with k.mT or k.transpose(-1, -2)")
def all_axes_turned(q: Tensor, k: Tensor) -> Tensor:
    return (q.float() @ k.float().permute(3, 2, 1, 0) / math.sqrt(q.shape[-1])).to(q.dtype)


@scores.wrong("multiplied by √d instead of divided")
def multiplied(q: Tensor, k: Tensor) -> Tensor:
    return _contract(q, k, q.shape[-1] ** 0.5)


@scores.wrong("queries and keys swapped: rows are queries, columns are keys")
def swapped(q: Tensor, k: Tensor) -> Tensor:
    return _contract(k, q, q.shape[-1] ** -0.5)


@scores.wrong("a head axis of size 1 broadcast without a word: einsum lets it, so check the shapes first")
def broadcasts(q: Tensor, k: Tensor) -> Tensor:
    return (torch.einsum("bhqd,bhkd->bhqk", q.float(), k.float()) * q.shape[-1] ** -0.5).to(q.dtype)


scores.standard_wrongs(
    "low_precision_inside",
    says="multiplied in the low precision of the input: a large product overflows before the scale brings it back",
)


@scores.wrong("scaled first, then multiplied in the low precision of the input: nothing overflows, but digits are lost")
def scaled_in_low_precision(q: Tensor, k: Tensor) -> Tensor:
    if q.shape[:2] != k.shape[:2] or q.shape[3] != k.shape[3]:
        raise ValueError("batch, heads and width must agree")
    return torch.einsum("bhqd,bhkd->bhqk", q / q.shape[-1] ** 0.5, k)


scores.standard_wrongs("returns_fp32")


@scores.wrong("a batch or head axis of size 1 broadcast without a word: matmul lets it, so compare the shapes first")
def broadcasts_by_matmul(q: Tensor, k: Tensor) -> Tensor:
    if q.shape[3] != k.shape[3]:
        raise ValueError("the widths must agree")
    return (q.float() @ k.float().mT * q.shape[-1] ** -0.5).to(q.dtype)


@scores.wrong("the number of heads not compared: an axis of size 1 then stands for all heads")
def heads_unchecked(q: Tensor, k: Tensor) -> Tensor:
    if q.shape[0] != k.shape[0] or q.shape[3] != k.shape[3]:
        raise ValueError("batch and width must agree")
    return (q.float() @ k.float().mT * q.shape[-1] ** -0.5).to(q.dtype)


@scores.wrong("in the dtype of `k`, or of both together: `q` decides the dtype of the result")
def in_the_dtype_of_k(q: Tensor, k: Tensor) -> Tensor:
    return _contract(q.float(), k, q.shape[-1] ** -0.5).to(k.dtype)
