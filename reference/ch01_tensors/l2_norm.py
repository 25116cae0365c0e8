"""The root of the product of a vector with itself."""

import torch
from torch import Tensor

from reference import oracle


@oracle
def l2_norm(u: Tensor) -> Tensor:
    return torch.sqrt(u @ u)


@l2_norm.right("torch.linalg.vector_norm in float32")
def library(u: Tensor) -> Tensor:
    return torch.linalg.vector_norm(u.float()).to(u.dtype)


@l2_norm.right("divided by the largest number before squaring, so that nothing can overflow")
def scaled(u: Tensor) -> Tensor:
    if not u.numel():
        return u.sum()
    wide = u.float()
    top = wide.abs().amax()
    top = torch.where(top == 0, torch.ones_like(top), top)
    return (top * torch.sqrt(((wide / top) ** 2).sum())).to(u.dtype)


@l2_norm.right("number by number")
def in_order(u: Tensor) -> Tensor:
    total = torch.zeros((), dtype=torch.float32)
    for x in u.float():
        total = total + x * x
    return total.sqrt().to(u.dtype)


@l2_norm.wrong("the absolute values were added: that is the L1 norm; the L2 norm is the length of the straight line")
def l1(u: Tensor) -> Tensor:
    return u.float().abs().sum().to(u.dtype)


@l2_norm.wrong("the root was left out: the result is the square of the norm")
def squared(u: Tensor) -> Tensor:
    return (u.float() ** 2).sum().to(u.dtype)


@l2_norm.wrong("the largest absolute value was returned: that is the maximum norm, which ignores the other numbers")
def largest(u: Tensor) -> Tensor:
    return u.float().abs().amax().to(u.dtype) if u.numel() else u.sum()


@l2_norm.wrong(
    "the numbers were added first and squared afterwards: opposite signs cancel; square each number before you add"
)
def summed_first(u: Tensor) -> Tensor:
    return torch.sqrt(u.float().sum() ** 2).to(u.dtype)


@l2_norm.wrong("the mean of the squares was taken: that gives the root mean square; the norm uses the sum")
def root_mean_square(u: Tensor) -> Tensor:
    return torch.sqrt((u.float() ** 2).mean()).to(u.dtype)


@l2_norm.wrong(
    "the squares and their sum were computed in the dtype of the input: 300² is too large for fp16, though the norm "
    "is not"
)
def low_precision_inside(u: Tensor) -> Tensor:
    return torch.sqrt((u * u).sum())


@l2_norm.wrong("the upcast came after squaring: 300² is already inf in fp16; call .float() before the first operation")
def widened_too_late(u: Tensor) -> Tensor:
    return torch.sqrt((u * u).float().sum()).to(u.dtype)


@l2_norm.wrong("a small number was added under the root: then a vector of zeros gets a norm above 0")
def epsilon_under_the_root(u: Tensor) -> Tensor:
    return torch.sqrt((u.float() ** 2).sum() + 1e-6).to(u.dtype)


l2_norm.standard_wrongs("returns_fp32")


@l2_norm.wrong("a Python number was returned, for example from .item(): return a tensor without axes")
def python_number(u: Tensor) -> float:
    return torch.sqrt((u.float() ** 2).sum()).to(u.dtype).item()


@l2_norm.wrong("a vector of one number was returned: keepdim leaves an axis of length 1; return a tensor without axes")
def keeps_the_axis(u: Tensor) -> Tensor:
    return torch.sqrt((u.float() ** 2).sum(-1, keepdim=True)).to(u.dtype)


@l2_norm.wrong("the sum was rounded to the dtype of the input before the root: in fp16 it may already be inf")
def rounded_before_the_root(u: Tensor) -> Tensor:
    return (u.float() ** 2).sum().to(u.dtype).sqrt()


@l2_norm.wrong("the mean of the squares was taken: that gives the root mean square; the norm uses the sum")
def root_mean_square_if_any(u: Tensor) -> Tensor:
    return root_mean_square(u) if u.numel() else u.sum()


@l2_norm.wrong(
    "the vector was divided by its largest number, even if this was 0: 0 / 0 is NaN, but the norm of zeros is 0"
)
def zero_over_zero(u: Tensor) -> Tensor:
    if not u.numel():
        return u.sum()
    top = u.float().abs().max()
    return (top * torch.sqrt(((u.float() / top) ** 2).sum())).to(u.dtype)


@l2_norm.wrong("the maximum of an empty vector was taken: torch raises an error; the norm of an empty vector is 0")
def largest_of_nothing(u: Tensor) -> Tensor:
    top = u.float().abs().max().clamp(min=1e-30)
    return (top * torch.sqrt(((u.float() / top) ** 2).sum())).to(u.dtype)


@l2_norm.wrong("a small number was added under the root: then a vector of zeros gets a norm above 0")
def smaller_epsilon_under_the_root(u: Tensor) -> Tensor:
    return torch.sqrt((u.float() ** 2).sum() + 1e-8).to(u.dtype)


@l2_norm.wrong(
    "the squares were written into `u`: .float() of a float32 tensor is the same tensor, so pow_ or *= changes it"
)
def in_place(u: Tensor) -> Tensor:
    return u.float().pow_(2).sum().sqrt().to(u.dtype)


@l2_norm.wrong("the result was clamped to a small minimum: the norm of a vector of zeros is 0")
def clamped(u: Tensor) -> Tensor:
    return torch.sqrt((u.float() ** 2).sum()).clamp(min=1e-12).to(u.dtype)
