"""By arithmetic, not by bits: divide by the spacing of bf16 around x, round half to even, multiply back."""

from collections.abc import Callable

import torch
from torch import Tensor

from reference import oracle


def _rounded(x: Tensor, rounding: Callable[[Tensor], Tensor], smallest: int = -133) -> Tensor:
    wide = x.double()
    _, e = torch.frexp(wide)
    step = torch.ldexp(torch.ones_like(wide), (e - 8).clamp(min=smallest))
    return (rounding(wide / step) * step).to(torch.bfloat16)


@oracle
def bf16_by_hand(x: Tensor) -> Tensor:
    return _rounded(x, torch.round)


@bf16_by_hand.right("torch's own cast")
def library(x: Tensor) -> Tensor:
    return x.to(torch.bfloat16)


@bf16_by_hand.wrong("the lower half was cut off: this rounds toward zero")
def truncated(x: Tensor) -> Tensor:
    upper = (x.view(torch.int32) >> 16).to(torch.int16).view(torch.bfloat16)
    return torch.where(x.isnan(), torch.nan, upper)


@bf16_by_hand.wrong(
    "the lower half was cut off: this rounds toward zero, and a NaN whose only 1 bits are there becomes inf"
)
def truncated_with_nan(x: Tensor) -> Tensor:
    return (x.view(torch.int32) >> 16).to(torch.int16).view(torch.bfloat16)


@bf16_by_hand.wrong("ties were rounded away from zero: half of them must go down, to the even neighbor")
def half_up(x: Tensor) -> Tensor:
    upper = ((x.view(torch.int32) + 0x8000) >> 16).to(torch.int16).view(torch.bfloat16)
    return torch.where(x.isnan(), torch.nan, upper)


@bf16_by_hand.wrong("ties were rounded toward zero: half of them must go up, to the even neighbor")
def half_down(x: Tensor) -> Tensor:
    upper = ((x.view(torch.int32) + 0x7FFF) >> 16).to(torch.int16).view(torch.bfloat16)
    return torch.where(x.isnan(), torch.nan, upper)


@bf16_by_hand.wrong("NaN was rounded like a number: the carry runs into the sign bit, and NaN becomes −0")
def nan_wraps(x: Tensor) -> Tensor:
    bits = x.view(torch.int32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).to(torch.int16).view(torch.bfloat16)


@bf16_by_hand.wrong("too large values were clamped to the largest bf16: they must become inf")
def saturated(x: Tensor) -> Tensor:
    top = torch.finfo(torch.bfloat16).max
    return torch.where(x.isinf(), x.to(torch.bfloat16), x.clamp(-top, top).to(torch.bfloat16))


@bf16_by_hand.wrong("subnormals became zero: bf16 has subnormals down to 9.2e-41")
def flushed(x: Tensor) -> Tensor:
    small = x.abs() < torch.finfo(torch.bfloat16).smallest_normal
    return torch.where(small, torch.copysign(torch.zeros_like(x), x), x).to(torch.bfloat16)


@bf16_by_hand.wrong("the sign of zero was lost: -0.0 must stay -0.0")
def unsigned_zero(x: Tensor) -> Tensor:
    return x.to(torch.bfloat16) + 0.0


@bf16_by_hand.wrong("32-bit integers were viewed as bf16, so each became two numbers: convert them to int16 first")
def still_32_bits(x: Tensor) -> Tensor:
    return (bf16_by_hand.fn(x).view(torch.int16).to(torch.int32) & 0xFFFF).view(torch.bfloat16)


@bf16_by_hand.wrong("the values were rounded to fp16 on the way: fp16 has a smaller exponent")
def through_fp16(x: Tensor) -> Tensor:
    return x.half().to(torch.bfloat16)


@bf16_by_hand.wrong(
    "infinity was treated as NaN: the lower 23 bits of infinity are 0, and NaN has at least one 1 there"
)
def infinity_is_nan(x: Tensor) -> Tensor:
    return torch.where(x.isfinite(), x, torch.nan).to(torch.bfloat16)
