"""Multiply, sum, divide. There is no einsum, so the solution and the oracle cannot share a wrong letter."""

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


@scores.right("with the queries scaled first")
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


@scores.right("by a loop over the width, in order")
def in_order(q: Tensor, k: Tensor) -> Tensor:
    if q.shape[:2] != k.shape[:2] or q.shape[3] != k.shape[3]:
        raise ValueError("batch, heads and width must agree")
    total = torch.zeros(*q.shape[:3], k.shape[2])
    for i in range(q.shape[3]):
        total = total + q[..., i].float().unsqueeze(-1) * k[..., i].float().unsqueeze(-2)
    return (total / math.sqrt(q.shape[-1])).to(q.dtype)


@scores.wrong("the scores were multiplied by 1/d: the scale is 1/√d")
def by_d(q: Tensor, k: Tensor) -> Tensor:
    return _contract(q, k, 1 / q.shape[-1])


@scores.wrong(
    "the scores were multiplied by 1/√d_model: the scale uses the width of one head, not of all heads together"
)
def by_d_model(q: Tensor, k: Tensor) -> Tensor:
    return _contract(q, k, (q.shape[-1] * q.shape[1]) ** -0.5)


@scores.wrong("the scores were not divided by √d")
def unscaled(q: Tensor, k: Tensor) -> Tensor:
    return _contract(q, k, 1.0)


@scores.wrong("the scores were divided by the root of the number of keys: use the width of a head, q.shape[-1]")
def by_keys(q: Tensor, k: Tensor) -> Tensor:
    return _contract(q, k, k.shape[-2] ** -0.5)


@scores.wrong("k was not transposed: the product needs q @ k.mT, so that the width is summed")
def not_transposed(q: Tensor, k: Tensor) -> Tensor:
    return (q.float() @ k.float() / math.sqrt(q.shape[-1])).to(q.dtype)


@scores.wrong("k.T reverses all four axes: swap only the last two, with k.mT or k.transpose(-1, -2)")
def all_axes_turned(q: Tensor, k: Tensor) -> Tensor:
    return (q.float() @ k.float().permute(3, 2, 1, 0) / math.sqrt(q.shape[-1])).to(q.dtype)


@scores.wrong("the scores were multiplied by √d: divide them by √d")
def multiplied(q: Tensor, k: Tensor) -> Tensor:
    return _contract(q, k, q.shape[-1] ** 0.5)


@scores.wrong("queries and keys were swapped: rows are queries, columns are keys")
def swapped(q: Tensor, k: Tensor) -> Tensor:
    return _contract(k, q, q.shape[-1] ** -0.5)


@scores.wrong("a head axis of size 1 was broadcast: einsum raises no error for it, so compare the shapes first")
def broadcasts(q: Tensor, k: Tensor) -> Tensor:
    return (torch.einsum("bhqd,bhkd->bhqk", q.float(), k.float()) * q.shape[-1] ** -0.5).to(q.dtype)


scores.standard_wrongs(
    "low_precision_inside",
    says="the inputs were multiplied in low precision: a large product overflows before the scale brings it back",
)


@scores.wrong("the inputs were scaled first and multiplied in low precision: nothing overflows, but digits are lost")
def scaled_in_low_precision(q: Tensor, k: Tensor) -> Tensor:
    if q.shape[:2] != k.shape[:2] or q.shape[3] != k.shape[3]:
        raise ValueError("batch, heads and width must agree")
    return torch.einsum("bhqd,bhkd->bhqk", q / q.shape[-1] ** 0.5, k)


scores.standard_wrongs("returns_fp32")


@scores.wrong(
    "a batch or head axis of size 1 was broadcast: matmul raises no error for it, so compare the shapes first"
)
def broadcasts_by_matmul(q: Tensor, k: Tensor) -> Tensor:
    if q.shape[3] != k.shape[3]:
        raise ValueError("the widths must agree")
    return (q.float() @ k.float().mT * q.shape[-1] ** -0.5).to(q.dtype)


@scores.wrong("the numbers of heads were not compared: an axis of size 1 was broadcast to all heads")
def heads_unchecked(q: Tensor, k: Tensor) -> Tensor:
    if q.shape[0] != k.shape[0] or q.shape[3] != k.shape[3]:
        raise ValueError("batch and width must agree")
    return (q.float() @ k.float().mT * q.shape[-1] ** -0.5).to(q.dtype)


@scores.wrong("the result has the dtype of `k`, or the common dtype of `q` and `k`: it must have the dtype of `q`")
def in_the_dtype_of_k(q: Tensor, k: Tensor) -> Tensor:
    return _contract(q.float(), k, q.shape[-1] ** -0.5).to(k.dtype)
