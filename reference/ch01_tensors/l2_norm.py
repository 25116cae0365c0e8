"""The root of the product of a vector with itself."""

import torch
from torch import Tensor

from reference import oracle


@oracle
def l2_norm(u: Tensor) -> Tensor:
    return torch.sqrt(u @ u)


@l2_norm.right("the library's, in float32")
def library(u: Tensor) -> Tensor:
    return torch.linalg.vector_norm(u.float()).to(u.dtype)


@l2_norm.right("the largest number taken out before squaring, so that nothing can overflow")
def scaled(u: Tensor) -> Tensor:
    if not u.numel():
        return u.sum()
    wide = u.float()
    top = wide.abs().amax()
    top = torch.where(top == 0, torch.ones_like(top), top)
    return (top * torch.sqrt(((wide / top) ** 2).sum())).to(u.dtype)


@l2_norm.right("one number after the other")
def in_order(u: Tensor) -> Tensor:
    total = torch.zeros((), dtype=torch.float32)
    for x in u.float():
        total = total + x * x
    return total.sqrt().to(u.dtype)


@l2_norm.wrong("the sizes added up: that is the L1 norm, the way round the corner and not the straight line")
def l1(u: Tensor) -> Tensor:
    return u.float().abs().sum().to(u.dtype)


@l2_norm.wrong("the root is missing: this is the square of the length")
def squared(u: Tensor) -> Tensor:
    return (u.float() ** 2).sum().to(u.dtype)


@l2_norm.wrong("the largest size taken: that is the maximum norm, in which the other numbers do not count")
def largest(u: Tensor) -> Tensor:
    return u.float().abs().amax().to(u.dtype) if u.numel() else u.sum()


@l2_norm.wrong("added first and squared then: numbers of opposite sign cancel; square each before the sum")
def summed_first(u: Tensor) -> Tensor:
    return torch.sqrt(u.float().sum() ** 2).to(u.dtype)


@l2_norm.wrong("the mean of the squares, not their sum: that is the root mean square, and it does not grow with n")
def root_mean_square(u: Tensor) -> Tensor:
    return torch.sqrt((u.float() ** 2).mean()).to(u.dtype)


@l2_norm.wrong("squared and added in the dtype of the input: 300² is beyond fp16 though the length is not")
def low_precision_inside(u: Tensor) -> Tensor:
    return torch.sqrt((u * u).sum())


@l2_norm.wrong("widened after squaring: 300² was inf in fp16 by then; call .float() before the first operation")
def widened_too_late(u: Tensor) -> Tensor:
    return torch.sqrt((u * u).float().sum()).to(u.dtype)


@l2_norm.wrong("a small number added under the root: then a vector of zeros has a length")
def epsilon_under_the_root(u: Tensor) -> Tensor:
    return torch.sqrt((u.float() ** 2).sum() + 1e-6).to(u.dtype)


l2_norm.standard_wrongs("returns_fp32")


@l2_norm.wrong("a Python number, made by .item(): a tensor without axes is asked for")
def python_number(u: Tensor) -> float:
    return torch.sqrt((u.float() ** 2).sum()).to(u.dtype).item()


@l2_norm.wrong("a vector of one number: keepdim leaves an axis of size 1, and no axis is asked for")
def keeps_the_axis(u: Tensor) -> Tensor:
    return torch.sqrt((u.float() ** 2).sum(-1, keepdim=True)).to(u.dtype)


@l2_norm.wrong("the sum rounded to the dtype of the input before the root: in fp16 it is inf by then")
def rounded_before_the_root(u: Tensor) -> Tensor:
    return (u.float() ** 2).sum().to(u.dtype).sqrt()


@l2_norm.wrong("the mean of the squares, not their sum: that is the root mean square, and it does not grow with n")
def root_mean_square_if_any(u: Tensor) -> Tensor:
    return root_mean_square(u) if u.numel() else u.sum()


@l2_norm.wrong("divided by the largest number even where that is 0: 0 / 0 is NaN, and zeros have length 0")
def zero_over_zero(u: Tensor) -> Tensor:
    if not u.numel():
        return u.sum()
    top = u.float().abs().max()
    return (top * torch.sqrt(((u.float() / top) ** 2).sum())).to(u.dtype)


@l2_norm.wrong("the largest of no numbers asked for: torch raises an error there, and the length is 0")
def largest_of_nothing(u: Tensor) -> Tensor:
    top = u.float().abs().max().clamp(min=1e-30)
    return (top * torch.sqrt(((u.float() / top) ** 2).sum())).to(u.dtype)


@l2_norm.wrong("a small number added under the root: then a vector of zeros has a length")
def smaller_epsilon_under_the_root(u: Tensor) -> Tensor:
    return torch.sqrt((u.float() ** 2).sum() + 1e-8).to(u.dtype)


@l2_norm.wrong("the squares written into `u`: .float() of a float32 tensor is that tensor, and pow_ or *= changes it")
def in_place(u: Tensor) -> Tensor:
    return u.float().pow_(2).sum().sqrt().to(u.dtype)


@l2_norm.wrong("the length kept above a small number: zeros have length 0")
def clamped(u: Tensor) -> Tensor:
    return torch.sqrt((u.float() ** 2).sum()).clamp(min=1e-12).to(u.dtype)
