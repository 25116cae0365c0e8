"""A row times a column."""

import math

import torch
from torch import Tensor

from reference import oracle, promoted


def _check(u: Tensor, v: Tensor) -> None:
    if u.shape != v.shape:
        raise ValueError("the vectors must be of one length")


@oracle
def dot(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    x, y = promoted(u, v)
    return (x @ y).to(u.dtype)


@dot.right("the library's, in float32")
def library(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return torch.dot(u.float(), v.float()).to(u.dtype)


@dot.right("as a contraction")
def contracted(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return torch.einsum("i,i->", u.float(), v.float()).to(u.dtype)


@dot.right("one product after the other, in float32")
def in_order(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    total = torch.zeros(())
    for x, y in zip(u.float(), v.float(), strict=True):
        total = total + x * y
    return total.to(u.dtype)


@dot.right("exactly, with fsum")
def exactly(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    products = (u.double() * v.double()).tolist()
    return torch.tensor(math.fsum(products), dtype=u.dtype)


@dot.wrong("the products are there, their sum is not: the result is one number")
def elementwise(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u.float() * v.float()).to(u.dtype)


@dot.wrong("every number of `u` with every number of `v`: that is the outer product; pair them by position")
def outer(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return torch.outer(u.float(), v.float()).to(u.dtype)


@dot.wrong("the sum of u times the sum of v: multiply number by number, then add")
def product_of_sums(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u.float().sum() * v.float().sum()).to(u.dtype)


@dot.wrong("the mean of the products, not their sum")
def mean(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u.float() * v.float()).mean().to(u.dtype)


@dot.wrong("divided by both lengths: that is the cosine; a dot product keeps the lengths")
def cosine(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    x, y = u.float(), v.float()
    return ((x * y).sum() / (x.norm() * y.norm()).clamp(min=1e-8)).to(u.dtype)


@dot.wrong("`u` multiplied with itself: the second factor is `v`")
def with_itself(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u.float() * u.float()).sum().to(u.dtype)


@dot.wrong("each product replaces the one before it: they are to be summed (+=, not =)")
def last_product(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    total = torch.zeros(())
    for x, y in zip(u.float(), v.float(), strict=True):
        total = x * y
    return total.to(u.dtype)


@dot.wrong("multiplied in the dtype of the input: each product is rounded, and 300² is inf in fp16; widen before")
def products_in_low_precision(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u * v).float().sum().to(u.dtype)


@dot.wrong("the running total kept in the dtype of the input: in fp16 it stops growing some 2,048 addends up")
def narrow_total(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    total = torch.zeros((), dtype=u.dtype)
    for x, y in zip(u.float(), v.float(), strict=True):
        total = (total.float() + x * y).to(u.dtype)
    return total


@dot.wrong("all in the dtype of the input, products and total: widen both vectors first")
def low_precision_inside(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    total = torch.zeros((), dtype=u.dtype)
    for x, y in zip(u, v, strict=True):
        total = total + x * y
    return total


dot.standard_wrongs("returns_fp32")


@dot.wrong("returned in the dtype of `v`: `u` decides the dtype")
def dtype_of_v(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u.float() * v.float()).sum().to(v.dtype)


@dot.wrong("a Python number, made by .item() or by sum over a list: a tensor without axes is asked for")
def python_number(u: Tensor, v: Tensor) -> float:
    _check(u, v)
    return (u.float() * v.float()).sum().to(u.dtype).item()


@dot.wrong("u * v stretches a vector of one number to any length without a word: compare the lengths first")
def broadcasts(u: Tensor, v: Tensor) -> Tensor:
    if len(u) != len(v) and 1 not in (len(u), len(v)):
        raise ValueError("the vectors must be of one length")
    return (u.float() * v.float()).sum().to(u.dtype)


@dot.wrong("zip stops at the end of the shorter vector without a word: compare the lengths first")
def cut_short(u: Tensor, v: Tensor) -> Tensor:
    n = min(len(u), len(v))
    return (u[:n].float() * v[:n].float()).sum().to(u.dtype)


@dot.wrong("the lengths not compared: u * v raises a RuntimeError, or stretches a vector of one number")
def unchecked(u: Tensor, v: Tensor) -> Tensor:
    return (u.float() * v.float()).sum().to(u.dtype)


@dot.wrong("left to @ or torch.dot: for two lengths it raises a RuntimeError, and a ValueError is asked for")
def left_to_torch(u: Tensor, v: Tensor) -> Tensor:
    return torch.dot(u.float(), v.float()).to(u.dtype)


@dot.wrong("the products are written into `u`: *= and mul_ change the caller's vector")
def in_place(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    result = (u.float() * v.float()).sum().to(u.dtype)
    u *= v
    return result


@dot.wrong("a vector of one number: keepdim leaves an axis of size 1, and no axis is asked for")
def keeps_the_axis(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u.float() * v.float()).sum(-1, keepdim=True).to(u.dtype)


@dot.wrong(
    "multiplied as they are and not cast back: two vectors in fp16 overflow, and of two dtypes the wider one is left"
)
def as_they_are(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return (u * v).sum()


@dot.wrong("torch.dot or @ on the vectors as they are: it refuses two dtypes; widen both")
def torchs_as_they_are(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    return torch.dot(u, v)


@dot.wrong("begun with the first product, which no vector without numbers has: begin with 0")
def begins_with_the_first(u: Tensor, v: Tensor) -> Tensor:
    _check(u, v)
    products = u.float() * v.float()
    total = products[0]
    for x in products[1:]:
        total = total + x
    return total.to(u.dtype)
