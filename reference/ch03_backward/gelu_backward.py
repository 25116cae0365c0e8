"""The product rule, term by term, with the error function."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import oracle, promoted

ROOT_2PI = math.sqrt(2 * math.pi)


@oracle
def gelu_backward(x: Tensor, dy: Tensor) -> Tensor:
    wide, upstream = promoted(x, dy)
    below = (1 + torch.erf(wide / math.sqrt(2))) / 2
    bell = torch.exp(-wide * wide / 2) / ROOT_2PI
    return (upstream * below + upstream * wide * bell).to(x.dtype)


def _times(dy: Tensor, slope: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return (dy.float() * slope(x.float())).to(x.dtype)


def _below(x: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def _bell(x: Tensor) -> Tensor:
    return torch.exp(-0.5 * x * x) / ROOT_2PI


def _by_autograd(x: Tensor, dy: Tensor, y: Callable[[Tensor], Tensor]) -> Tensor:
    leaf = x.detach().float().requires_grad_()
    (dx,) = torch.autograd.grad(y(leaf), leaf, dy.float())
    return dx.to(x.dtype)


@gelu_backward.right("with the complementary error function, which keeps the left tail")
def by_erfc(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: 0.5 * torch.erfc(-x / math.sqrt(2)) + x * _bell(x), x)


@gelu_backward.right("the slope first, then times dy")
def slope_first(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: _below(x) + x * _bell(x), x)


@gelu_backward.right("by autograd through the library's GELU")
def by_autograd(x: Tensor, dy: Tensor) -> Tensor:
    return _by_autograd(x, dy, F.gelu)


@gelu_backward.wrong("the slope of ReLU: GELU's is neither 0 nor 1")
def of_relu(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: (x > 0).float(), x)


@gelu_backward.wrong("the slope of the tanh form: that function is near GELU, and its slope is off by up to 0.0009")
def of_tanh_form(x: Tensor, dy: Tensor) -> Tensor:
    return _by_autograd(x, dy, lambda leaf: F.gelu(leaf, approximate="tanh"))


@gelu_backward.wrong("the slope of x·sigmoid(1.702 x): that function is near GELU, and its slope is off by up to 0.03")
def of_sigmoid_form(x: Tensor, dy: Tensor) -> Tensor:
    return _by_autograd(x, dy, lambda leaf: leaf * torch.sigmoid(1.702 * leaf))


@gelu_backward.wrong("the slope of SiLU, x·sigmoid(x): GELU weighs x by Φ(x), not by a sigmoid")
def of_silu(x: Tensor, dy: Tensor) -> Tensor:
    return _by_autograd(x, dy, F.silu)


@gelu_backward.wrong("Φ(x) alone: x·Φ(x) is a product, and its second term, x·φ(x), is missing")
def first_term_only(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, _below, x)


@gelu_backward.wrong("x·φ(x) alone: x·Φ(x) is a product, and its first term, Φ(x), is missing")
def second_term_only(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: x * _bell(x), x)


@gelu_backward.wrong("Φ(x) + φ(x): in the second term of the product rule x stays as a factor")
def without_x(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: _below(x) + _bell(x), x)


@gelu_backward.wrong("the slope alone: dy missing as a factor")
def without_dy(x: Tensor, dy: Tensor) -> Tensor:
    return _times(torch.ones_like(dy), lambda x: _below(x) + x * _bell(x), x)


@gelu_backward.wrong("the slope taken at dy: it belongs to x, the input of the forward pass")
def slope_at_dy(x: Tensor, dy: Tensor) -> Tensor:
    return _times(x, lambda dy: _below(dy) + dy * _bell(dy), dy)


@gelu_backward.wrong("GELU itself times dy: its slope is asked for")
def forward_again(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: x * _below(x), x)


@gelu_backward.wrong("the bell curve not divided by √(2π): the area below it must be 1")
def not_normalised(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: _below(x) + x * _bell(x) * ROOT_2PI, x)


@gelu_backward.wrong("exp(−x²) for exp(−x²/2) in the bell curve: erf is taken of x/√2")
def bell_too_narrow(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: _below(x) + x * torch.exp(-x * x) / ROOT_2PI, x)


@gelu_backward.wrong("the factor 1/√2 of the inner function of erf(x/√2) forgotten: the bell curve is too high by √2")
def inner_forgotten(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: _below(x) + x * torch.exp(-0.5 * x * x) / math.sqrt(math.pi), x)


@gelu_backward.wrong("negative slopes cut off at 0: left of −0.75 GELU falls, and its slope is below 0")
def cut_off_at_zero(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: (_below(x) + x * _bell(x)).clamp(min=0), x)


@gelu_backward.wrong("divided by Φ(x), which is 0 far to the left: 0 / 0 is NaN")
def divided_by_phi(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: _below(x) + x * _below(x) * (_bell(x) / _below(x)), x)


@gelu_backward.wrong("the slope rounded to the dtype of `x` before it meets dy: round once, at the end")
def slope_rounded(x: Tensor, dy: Tensor) -> Tensor:
    wide = x.float()
    return ((_below(wide) + wide * _bell(wide)).to(x.dtype) * dy).to(x.dtype)


@gelu_backward.wrong("x squared in its own low precision: compute in float32 from the start, round once at the end")
def squared_narrow(x: Tensor, dy: Tensor) -> Tensor:
    bell = torch.exp(-0.5 * (x * x).float()) / ROOT_2PI
    return (dy.float() * (_below(x.float()) + x.float() * bell)).to(x.dtype)


gelu_backward.standard_wrongs("low_precision_inside", formula=lambda x, dy: dy * (_below(x) + x * _bell(x)))
gelu_backward.standard_wrongs("returns_fp32", formula=slope_first)


@gelu_backward.wrong("dy rounded to the dtype of `x` first: compute in float32, and round once, at the end")
def rounded_first(x: Tensor, dy: Tensor) -> Tensor:
    return slope_first(x, dy.to(x.dtype))


@gelu_backward.wrong("returned in the dtype of dy: the dtype of `x` is asked for")
def as_wide_as_dy(x: Tensor, dy: Tensor) -> Tensor:
    return slope_first(x.float(), dy.float()).to(dy.dtype)


@gelu_backward.wrong("the caller's `x` used as the leaf: float() of a float32 tensor is no copy, so clone() it")
def marks_the_input(x: Tensor, dy: Tensor) -> Tensor:
    leaf = x.float().requires_grad_()
    (dx,) = torch.autograd.grad(F.gelu(leaf), leaf, dy.float())
    return dx.to(x.dtype)
