"""Φ(x) is 1 minus the share of the distribution above x."""

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


@gelu.right("torch.nn.functional.gelu in float32")
def library(x: Tensor) -> Tensor:
    return torch.nn.functional.gelu(x.float()).to(x.dtype)


@gelu.right("erfc of −x, which keeps its digits for very negative x")
def by_erfc(x: Tensor) -> Tensor:
    return _gated(x, torch.erfc(-x.float() / math.sqrt(2)) / 2)


@gelu.right("torch.special.ndtr for Φ")
def by_ndtr(x: Tensor) -> Tensor:
    return _gated(x, torch.special.ndtr(x.float()))


@gelu.wrong("the tanh form was used: it is an approximation, up to 4.7e-4 off; the exact form uses erf")
def tanh_form(x: Tensor) -> Tensor:
    s = x.float()
    return _gated(x, (1 + torch.tanh(math.sqrt(2 / math.pi) * (s + 0.044715 * s**3))) / 2)


@gelu.wrong("the sigmoid form x σ(1.702x) was used: it is an approximation, up to 0.02 off")
def sigmoid_form(x: Tensor) -> Tensor:
    return _gated(x, torch.sigmoid(1.702 * x.float()))


@gelu.wrong("SiLU, x σ(x), was computed: SiLU uses a sigmoid, but GELU uses Φ")
def silu(x: Tensor) -> Tensor:
    return _gated(x, torch.sigmoid(x.float()))


@gelu.wrong("ReLU was computed: GELU is smooth and negative left of 0")
def relu(x: Tensor) -> Tensor:
    return x.clamp(min=0)


@gelu.wrong("erf(x) was used instead of erf(x / √2): Φ has variance 1, but erf belongs to variance 1/2")
def no_root(x: Tensor) -> Tensor:
    return _gated(x, (1 + torch.erf(x.float())) / 2)


@gelu.wrong("erf(x / 2) was used instead of erf(x / √2)")
def halved(x: Tensor) -> Tensor:
    return _gated(x, (1 + torch.erf(x.float() / 2)) / 2)


@gelu.wrong("x was multiplied by √2 inside erf: divide it by √2")
def root_above(x: Tensor) -> Tensor:
    return _gated(x, (1 + torch.erf(x.float() * math.sqrt(2))) / 2)


@gelu.wrong("the factor 1/2 was left out: 1 + erf runs from 0 to 2, but Φ runs from 0 to 1")
def doubled(x: Tensor) -> Tensor:
    return _gated(x, 2 * _below(x.float()))


@gelu.wrong("the 1 was left out: x · erf(x / √2) / 2 is the same for x and −x")
def even(x: Tensor) -> Tensor:
    return _gated(x, torch.erf(x.float() / math.sqrt(2)) / 2)


@gelu.wrong("only Φ(x) was returned: GELU is x times Φ(x)")
def gate_only(x: Tensor) -> Tensor:
    return _below(x.float()).to(x.dtype)


@gelu.wrong("x was multiplied by the density: GELU uses the distribution function, the area to the left of x")
def by_density(x: Tensor) -> Tensor:
    return _gated(x, torch.exp(-(x.float() ** 2) / 2) / math.sqrt(2 * math.pi))


@gelu.wrong("negative results were set to 0: GELU falls to −0.17 there, and it has a slope there")
def no_dip(x: Tensor) -> Tensor:
    return _gated(x, _below(x.float())).clamp(min=0)


@gelu.wrong("the derivative Φ(x) + x φ(x) was returned: return the value x Φ(x)")
def derivative(x: Tensor) -> Tensor:
    s = x.float()
    return (_below(s) + s * torch.exp(-s * s / 2) / math.sqrt(2 * math.pi)).to(x.dtype)


gelu.standard_wrongs("low_precision_inside", formula=lambda x: x * 0.5 * (1 + torch.erf(x / math.sqrt(2))))


@gelu.wrong("Φ was rounded to the dtype of the input before the product: round once, at the end")
def rounded_gate(x: Tensor) -> Tensor:
    return x * _below(x.float()).to(x.dtype)


gelu.standard_wrongs("returns_fp32", formula=lambda x: x * _below(x))


@gelu.wrong(
    "the result was written into `x`: .float() of a float32 tensor is the same tensor, so mul_ or *= changes it"
)
def in_place(x: Tensor) -> Tensor:
    wide = x.float()
    return wide.mul_((1 + torch.erf(wide / 2**0.5)) / 2).to(x.dtype)
