"""A row times a column."""

import math

import torch
from torch import Tensor

from reference import oracle, promoted


def _check(u: Tensor, v: Tensor) -> None:
    if u.shape != v.shape:
        raise ValueError("the vectors must have the same length")


@oracle
def dot(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    x, y = promoted(u, v)
    return (x @ y).to(u.dtype)


@dot.right("torch.dot in float32")
def library(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return torch.dot(u.float(), v.float()).to(u.dtype)


@dot.right("an einsum")
def contracted(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return torch.einsum("i,i->", u.float(), v.float()).to(u.dtype)


@dot.right("product by product, in float32")
def in_order(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    total = torch.zeros(())
    for x, y in zip(u.float(), v.float(), strict=True):
        total = total + x * y
    return total.to(u.dtype)


@dot.right("exact, with fsum")
def exactly(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    products = (u.double() * v.double()).tolist()
    return torch.tensor(math.fsum(products), dtype=u.dtype)


@dot.wrong("the products were not added: the result must be one number")
def elementwise(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u.float() * v.float()).to(u.dtype)


@dot.wrong(
    "every number of `u` was multiplied with every number of `v`: that is the outer product; pair the numbers by "
    "position"
)
def outer(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return torch.outer(u.float(), v.float()).to(u.dtype)


@dot.wrong("the sum of u was multiplied with the sum of v: multiply number by number first, then add")
def product_of_sums(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u.float().sum() * v.float().sum()).to(u.dtype)


@dot.wrong("the mean of the products was returned: a dot product is their sum")
def mean(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u.float() * v.float()).mean().to(u.dtype)


@dot.wrong("the result was divided by both norms: that is the cosine; a dot product is not divided")
def cosine(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    x, y = u.float(), v.float()
    return ((x * y).sum() / (x.norm() * y.norm()).clamp(min=1e-8)).to(u.dtype)


@dot.wrong("`u` was multiplied with itself: the second factor is `v`")
def with_itself(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u.float() * u.float()).sum().to(u.dtype)


@dot.wrong("each product replaced the product before it: add the products up (+=, not =)")
def last_product(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    total = torch.zeros(())
    for x, y in zip(u.float(), v.float(), strict=True):
        total = x * y
    return total.to(u.dtype)


@dot.wrong(
    "the vectors were multiplied in the dtype of the input: each product is rounded, and 300² is inf in fp16; upcast "
    "first"
)
def products_in_low_precision(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u * v).float().sum().to(u.dtype)


@dot.wrong("the running total was kept in the dtype of the input: in fp16 a sum of ones stops growing at 2,048")
def narrow_total(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    total = torch.zeros((), dtype=u.dtype)
    for x, y in zip(u.float(), v.float(), strict=True):
        total = (total.float() + x * y).to(u.dtype)
    return total


@dot.wrong("products and total were computed in the dtype of the input: upcast both vectors first")
def low_precision_inside(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    total = torch.zeros((), dtype=u.dtype)
    for x, y in zip(u, v, strict=True):
        total = total + x * y
    return total


dot.standard_wrongs("returns_fp32")


@dot.wrong("the result has the dtype of `v`: it must have the dtype of `u`")
def dtype_of_v(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u.float() * v.float()).sum().to(v.dtype)


@dot.wrong(
    "a Python number was returned, for example from .item() or from a sum over a list: return a tensor without axes"
)
def python_number(u: Tensor, v: Tensor) -> float:
    _check(u, v)
    return (u.float() * v.float()).sum().to(u.dtype).item()


@dot.wrong("u * v broadcast a vector of one number to the other length without an error: compare the lengths first")
def broadcasts(u: Tensor, v: Tensor) -> Tensor:
    if len(u) != len(v) and 1 not in (len(u), len(v)):
        raise ValueError("the vectors must have the same length")
    return (u.float() * v.float()).sum().to(u.dtype)


@dot.wrong("zip stopped at the end of the shorter vector without an error: compare the lengths first")
def cut_short(u: Tensor, v: Tensor) -> Tensor:
    n = min(len(u), len(v))
    return (u[:n].float() * v[:n].float()).sum().to(u.dtype)


@dot.wrong("the lengths were not compared: u * v raises a RuntimeError, or broadcasts a vector of one number")
def unchecked(u: Tensor, v: Tensor) -> Tensor:
    return (u.float() * v.float()).sum().to(u.dtype)


@dot.wrong(
    "the check was left to @ or torch.dot: they raise a RuntimeError for different lengths, but the contract asks "
    "for ValueError"
)
def left_to_torch(u: Tensor, v: Tensor) -> Tensor:
    return torch.dot(u.float(), v.float()).to(u.dtype)


@dot.wrong("the products were written into `u`: *= and mul_ change the caller's vector")
def in_place(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    result = (u.float() * v.float()).sum().to(u.dtype)
    u *= v
    return result


@dot.wrong("a vector of one number was returned: keepdim leaves an axis of length 1; return a tensor without axes")
def keeps_the_axis(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u.float() * v.float()).sum(-1, keepdim=True).to(u.dtype)


@dot.wrong(
    "the vectors were not upcast and the result was not cast: fp16 overflows, and for two different dtypes the "
    "result has the wider dtype"
)
def as_they_are(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u * v).sum()


@dot.wrong("torch.dot or @ was called without an upcast: it refuses two different dtypes; upcast both vectors")
def torchs_as_they_are(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return torch.dot(u, v)


@dot.wrong("the total started with the first product: an empty vector has no first product; start with 0")
def begins_with_the_first(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    products = u.float() * v.float()
    total = products[0]
    for x in products[1:]:
        total = total + x
    return total.to(u.dtype)
