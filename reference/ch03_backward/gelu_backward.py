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


@gelu_backward.right("with the complementary error function, which is exact in the left tail")
def by_erfc(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: 0.5 * torch.erfc(-x / math.sqrt(2)) + x * _bell(x), x)


@gelu_backward.right("the slope first, then times dy")
def slope_first(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: _below(x) + x * _bell(x), x)


@gelu_backward.right("by autograd through the library's GELU")
def by_autograd(x: Tensor, dy: Tensor) -> Tensor:
    return _by_autograd(x, dy, F.gelu)


@gelu_backward.wrong("the slope of ReLU was used: the slope of GELU is not just 0 or 1")
def of_relu(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: (x > 0).float(), x)


@gelu_backward.wrong(
    "the slope of the tanh form was used: that function approximates GELU, and its slope is off by up to 0.0009"
)
def of_tanh_form(x: Tensor, dy: Tensor) -> Tensor:
    return _by_autograd(x, dy, lambda leaf: F.gelu(leaf, approximate="tanh"))


@gelu_backward.wrong(
    "the slope of x·sigmoid(1.702 x) was used: that function approximates GELU, and its slope is off by up to 0.03"
)
def of_sigmoid_form(x: Tensor, dy: Tensor) -> Tensor:
    return _by_autograd(x, dy, lambda leaf: leaf * torch.sigmoid(1.702 * leaf))


@gelu_backward.wrong("the slope of SiLU, x·sigmoid(x), was used: GELU multiplies x by Φ(x), not by a sigmoid")
def of_silu(x: Tensor, dy: Tensor) -> Tensor:
    return _by_autograd(x, dy, F.silu)


@gelu_backward.wrong("only Φ(x) was used: the product rule for x·Φ(x) has a second term, x·φ(x)")
def first_term_only(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, _below, x)


@gelu_backward.wrong("only x·φ(x) was used: the product rule for x·Φ(x) has another term, Φ(x)")
def second_term_only(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: x * _bell(x), x)


@gelu_backward.wrong("Φ(x) + φ(x) was used: the second term of the product rule has the factor x")
def without_x(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: _below(x) + _bell(x), x)


@gelu_backward.wrong("only the slope was returned: multiply it by dy")
def without_dy(x: Tensor, dy: Tensor) -> Tensor:
    return _times(torch.ones_like(dy), lambda x: _below(x) + x * _bell(x), x)


@gelu_backward.wrong("the slope was computed at dy: compute it at x, the input of the forward pass")
def slope_at_dy(x: Tensor, dy: Tensor) -> Tensor:
    return _times(x, lambda dy: _below(dy) + dy * _bell(dy), dy)


@gelu_backward.wrong("GELU itself was multiplied by dy: the backward pass needs its slope")
def forward_again(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: x * _below(x), x)


@gelu_backward.wrong("the bell curve was not divided by √(2π): the area under it must be 1")
def not_normalised(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: _below(x) + x * _bell(x) * ROOT_2PI, x)


@gelu_backward.wrong("exp(−x²) was used in the bell curve: use exp(−x²/2), because the argument of erf is x/√2")
def bell_too_narrow(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: _below(x) + x * torch.exp(-x * x) / ROOT_2PI, x)


@gelu_backward.wrong("the inner factor 1/√2 of erf(x/√2) was forgotten: the bell curve is too high by √2")
def inner_forgotten(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: _below(x) + x * torch.exp(-0.5 * x * x) / math.sqrt(math.pi), x)


@gelu_backward.wrong("negative slopes were set to 0: left of −0.75 GELU falls, so its slope is negative")
def cut_off_at_zero(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: (_below(x) + x * _bell(x)).clamp(min=0), x)


@gelu_backward.wrong("the slope was divided by Φ(x), which is 0 far to the left: 0 / 0 is NaN")
def divided_by_phi(x: Tensor, dy: Tensor) -> Tensor:
    return _times(dy, lambda x: _below(x) + x * _below(x) * (_bell(x) / _below(x)), x)


@gelu_backward.wrong("the slope was rounded to the dtype of `x` before the product with dy: round once, at the end")
def slope_rounded(x: Tensor, dy: Tensor) -> Tensor:
    wide = x.float()
    return ((_below(wide) + wide * _bell(wide)).to(x.dtype) * dy).to(x.dtype)


@gelu_backward.wrong(
    "x was squared in its own low precision: compute in float32 from the start and round once, at the end"
)
def squared_narrow(x: Tensor, dy: Tensor) -> Tensor:
    bell = torch.exp(-0.5 * (x * x).float()) / ROOT_2PI
    return (dy.float() * (_below(x.float()) + x.float() * bell)).to(x.dtype)


gelu_backward.standard_wrongs("low_precision_inside", formula=lambda x, dy: dy * (_below(x) + x * _bell(x)))
gelu_backward.standard_wrongs("returns_fp32", formula=slope_first)


@gelu_backward.wrong("dy was first rounded to the dtype of `x`: compute in float32 and round once, at the end")
def rounded_first(x: Tensor, dy: Tensor) -> Tensor:
    return slope_first(x, dy.to(x.dtype))


@gelu_backward.wrong("the result has the dtype of dy: it should have the dtype of `x`")
def as_wide_as_dy(x: Tensor, dy: Tensor) -> Tensor:
    return slope_first(x.float(), dy.float()).to(dy.dtype)


@gelu_backward.wrong(
    "the caller's `x` became the autograd leaf: float() of a float32 tensor is not a copy, so clone() it"
)
def marks_the_input(x: Tensor, dy: Tensor) -> Tensor:
    leaf = x.float().requires_grad_()
    (dx,) = torch.autograd.grad(F.gelu(leaf), leaf, dy.float())
    return dx.to(x.dtype)
