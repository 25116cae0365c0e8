"""What is left of the distribution above x is taken away from the whole."""

import math

import torch
from torch import Tensor

from reference import oracle


@oracle
def gelu(x: Tensor) -> Tensor:
    return x * (1 - torch.erfc(x / math.sqrt(2)) / 2)


def _gated(x: Tensor, gate: Tensor) -> Tensor:
    return (x.float() * gate).to(x.dtype)


def _below(x: Tensor) -> Tensor:
    return (1 + torch.erf(x / math.sqrt(2))) / 2


@gelu.right("the library's, in float32")
def library(x: Tensor) -> Tensor:
    return torch.nn.functional.gelu(x.float()).to(x.dtype)


@gelu.right("erfc of −x, which keeps its digits where x is very negative")
def by_erfc(x: Tensor) -> Tensor:
    return _gated(x, torch.erfc(-x.float() / math.sqrt(2)) / 2)


@gelu.right("torch.special.ndtr for Φ")
def by_ndtr(x: Tensor) -> Tensor:
    return _gated(x, torch.special.ndtr(x.float()))


@gelu.wrong("the tanh form: an approximation, up to 4.7e-4 off; the exact one has erf")
def tanh_form(x: Tensor) -> Tensor:
    s = x.float()
    return _gated(x, (1 + torch.tanh(math.sqrt(2 / math.pi) * (s + 0.044715 * s**3))) / 2)


@gelu.wrong("the sigmoid form x σ(1.702x): an approximation, up to 0.02 off")
def sigmoid_form(x: Tensor) -> Tensor:
    return _gated(x, torch.sigmoid(1.702 * x.float()))


@gelu.wrong("SiLU, x σ(x): another activation, with a sigmoid where GELU has Φ")
def silu(x: Tensor) -> Tensor:
    return _gated(x, torch.sigmoid(x.float()))


@gelu.wrong("ReLU: it cuts at zero, where GELU bends")
def relu(x: Tensor) -> Tensor:
    return x.clamp(min=0)


@gelu.wrong("erf(x) for erf(x / √2): the normal distribution has variance 1, erf's bell has 1/2")
def no_root(x: Tensor) -> Tensor:
    return _gated(x, (1 + torch.erf(x.float())) / 2)


@gelu.wrong("erf(x / 2) for erf(x / √2)")
def halved(x: Tensor) -> Tensor:
    return _gated(x, (1 + torch.erf(x.float() / 2)) / 2)


@gelu.wrong("x multiplied by √2 inside erf: it is divided by it")
def root_above(x: Tensor) -> Tensor:
    return _gated(x, (1 + torch.erf(x.float() * math.sqrt(2))) / 2)


@gelu.wrong("the half left out: 1 + erf runs from 0 to 2, a share from 0 to 1")
def doubled(x: Tensor) -> Tensor:
    return _gated(x, 2 * _below(x.float()))


@gelu.wrong("the 1 left out: x · erf(x / √2) / 2 is the same for x and −x")
def even(x: Tensor) -> Tensor:
    return _gated(x, torch.erf(x.float() / math.sqrt(2)) / 2)


@gelu.wrong("Φ(x) alone: it is what x is multiplied by")
def gate_only(x: Tensor) -> Tensor:
    return _below(x.float()).to(x.dtype)


@gelu.wrong("x times the density: GELU takes the distribution function, the area to the left of x")
def by_density(x: Tensor) -> Tensor:
    return _gated(x, torch.exp(-(x.float() ** 2) / 2) / math.sqrt(2 * math.pi))


@gelu.wrong("the negative half cut off: GELU dips to −0.17 there, and that is where it has its slope")
def no_dip(x: Tensor) -> Tensor:
    return _gated(x, _below(x.float())).clamp(min=0)


@gelu.wrong("the derivative, Φ(x) + x φ(x): the value is x Φ(x)")
def derivative(x: Tensor) -> Tensor:
    s = x.float()
    return (_below(s) + s * torch.exp(-s * s / 2) / math.sqrt(2 * math.pi)).to(x.dtype)


gelu.standard_wrongs("low_precision_inside", formula=lambda x: x * 0.5 * (1 + torch.erf(x / math.sqrt(2))))


@gelu.wrong("Φ rounded to the dtype of the input before it meets x: round once, at the end")
def rounded_gate(x: Tensor) -> Tensor:
    return x * _below(x.float()).to(x.dtype)


gelu.standard_wrongs("returns_fp32", formula=lambda x: x * _below(x))


@gelu.wrong("the result written into `x`: .float() of a float32 tensor is that tensor, and mul_ or *= changes it")
def in_place(x: Tensor) -> Tensor:
    wide = x.float()
    return wide.mul_((1 + torch.erf(wide / 2**0.5)) / 2).to(x.dtype)
