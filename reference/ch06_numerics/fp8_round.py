"""By lookup: list every number of the format and take the nearest."""

from typing import Any

import torch
from torch import Tensor

from reference import oracle

# fraction bits, bias, bit patterns of finite numbers from 0 up
FORMATS = {"e4m3": (3, 7, 127), "e5m2": (2, 15, 124)}


def _numbers(fmt: str, count: int = 0, shift: int = 0) -> Tensor:
    """All finite numbers from 0 up, in the order of their bits."""
    digits, bias, finite = FORMATS[fmt]
    numbers = []
    for bits in range(count or finite):
        exponent, fraction = bits >> digits, bits & ((1 << digits) - 1)
        significand = fraction / 2**digits + (exponent > 0)
        numbers.append(significand * 2.0 ** (max(exponent, 1) - bias - shift))
    return torch.tensor(numbers, dtype=torch.float64)


def _nearest(x: Tensor, numbers: Tensor) -> Tensor:
    """The nearest of `numbers`; halfway goes to the even bit pattern, beyond the last to the last."""
    size = x.double().abs().contiguous()
    halves = (numbers[:-1] + numbers[1:]) / 2
    code = torch.searchsorted(halves, size)  # counts the halves below: a tie goes down
    tie = size == halves[code.clamp(max=len(halves) - 1)]
    code = code + (tie & (code % 2 == 1))
    return torch.where(x.isnan(), x.double(), torch.copysign(numbers[code], x.double())).to(x.dtype)


def _checked(fmt: str) -> None:
    if fmt not in FORMATS:
        raise ValueError("the format must be e4m3 or e5m2")


@oracle
def fp8_round(x: Tensor, fmt: str) -> Tensor:
    _checked(fmt)
    return _nearest(x, _numbers(fmt))


def _by_step(x: Tensor, fmt: str, rounding: Any = torch.round, off: int = 0, lowest: int | None = None) -> Tensor:
    """Divide by the step, round, multiply back."""
    _checked(fmt)
    digits, emin, largest = (3, -6, 448.0) if fmt == "e4m3" else (2, -14, 57344.0)
    wide = x.double().clamp(-largest, largest)
    _, e = torch.frexp(wide)
    step = 2.0 ** ((e - 1).clamp(min=emin if lowest is None else lowest) - digits + off).double()
    return (rounding(wide / step) * step).clamp(-largest, largest).float()


@fp8_round.right("torch's own cast, clamped first")
def library(x: Tensor, fmt: str) -> Tensor:
    _checked(fmt)
    dtype = torch.float8_e4m3fn if fmt == "e4m3" else torch.float8_e5m2
    largest = torch.finfo(dtype).max
    return x.clamp(-largest, largest).to(dtype).float()


@fp8_round.right("by integers, as in bf16_by_hand; adding a large number rounds the subnormals")
def by_bits(x: Tensor, fmt: str) -> Tensor:
    _checked(fmt)
    cut, normal, largest = (20, 2.0**-6, 448.0) if fmt == "e4m3" else (21, 2.0**-14, 57344.0)
    x = x.contiguous().clamp(-largest, largest)
    bits = x.view(torch.int32)
    up = (bits + (1 << (cut - 1)) - 1 + ((bits >> cut) & 1)) >> cut << cut
    magic = normal * 2.0**cut  # its last bit is worth one smallest subnormal
    small = torch.copysign((x.abs() + magic) - magic, x)
    return torch.where(x.isnan(), x, torch.where(x.abs() < normal, small, up.view(torch.float32)))


@fp8_round.wrong("no clamp in E5M2: a cast alone gives infinity from 61,440 on; clamp to 57,344 first")
def e5m2_to_inf(x: Tensor, fmt: str) -> Tensor:
    y = fp8_round.fn(x, fmt)
    return torch.where(x.abs() >= 61440, torch.copysign(torch.tensor(torch.inf), x), y) if fmt == "e5m2" else y


@fp8_round.wrong("no clamp: before torch 2.12 a cast to E4M3 gave NaN above 464; clamp to 448 first")
def not_clamped(x: Tensor, fmt: str) -> Tensor:
    y = e5m2_to_inf(x, fmt)
    return torch.where(x.abs() > 464, torch.nan, y) if fmt == "e4m3" else y


@fp8_round.wrong("infinity was rounded before it was clamped: infinity divided by an infinite step is NaN; clamp first")
def clamped_last(x: Tensor, fmt: str) -> Tensor:
    return torch.where(x.isinf(), torch.nan, fp8_round.fn(x, fmt))


@fp8_round.wrong("infinity stayed infinity: here it must become the largest number")
def keeps_infinity(x: Tensor, fmt: str) -> Tensor:
    return torch.where(x.isinf(), x, fp8_round.fn(x, fmt))


@fp8_round.wrong("subnormals became zero: E4M3 has subnormals down to 2⁻⁹, and E5M2 down to 2⁻¹⁶")
def flushed(x: Tensor, fmt: str) -> Tensor:
    small = x.abs() < (2.0**-6 if fmt == "e4m3" else 2.0**-14)
    return fp8_round.fn(torch.where(small, torch.copysign(torch.zeros_like(x), x), x), fmt)


@fp8_round.wrong("values that round to a subnormal became zero: the formats have subnormals, down to 2⁻⁹ and 2⁻¹⁶")
def flushed_after(x: Tensor, fmt: str) -> Tensor:
    y = fp8_round.fn(x, fmt)
    return torch.where(y.abs() < (2.0**-6 if fmt == "e4m3" else 2.0**-14), torch.copysign(torch.zeros_like(y), y), y)


@fp8_round.wrong("a KeyError for an unknown format: the contract asks for a ValueError")
def key_error(x: Tensor, fmt: str) -> Tensor:
    if fmt not in FORMATS:
        raise KeyError(fmt)
    return fp8_round.fn(x, fmt)


@fp8_round.wrong("the step kept getting smaller: below 2⁻⁶ (E4M3) or 2⁻¹⁴ (E5M2) it stays the same")
def no_floor(x: Tensor, fmt: str) -> Tensor:
    return _by_step(x, fmt, lowest=-120)


@fp8_round.wrong("the extra bits were cut off: this rounds toward zero")
def truncated(x: Tensor, fmt: str) -> Tensor:
    return _by_step(x, fmt, torch.trunc)


@fp8_round.wrong("ties were rounded away from zero: ties must go to the even neighbor")
def half_up(x: Tensor, fmt: str) -> Tensor:
    return _by_step(x, fmt, lambda y: torch.copysign(torch.floor(y.abs() + 0.5), y))


@fp8_round.wrong("the two formats were swapped: E4M3 reaches 448, and E5M2 reaches 57,344")
def swapped(x: Tensor, fmt: str) -> Tensor:
    _checked(fmt)
    return fp8_round.fn(x, "e5m2" if fmt == "e4m3" else "e4m3")


@fp8_round.wrong(
    "the steps were twice as large: frexp's mantissa is below 1, so its exponent is one higher than in the format"
)
def too_coarse(x: Tensor, fmt: str) -> Tensor:
    return _by_step(x, fmt, off=1, lowest=-7 if fmt == "e4m3" else -15)


@fp8_round.wrong("one fraction bit too many: with 3 fraction bits the step between 1 and 2 is 1/8")
def too_fine(x: Tensor, fmt: str) -> Tensor:
    return _by_step(x, fmt, off=-1)


@fp8_round.wrong("the exponent's lower limit was one too low: this puts subnormals closer together than in the format")
def floor_too_low(x: Tensor, fmt: str) -> Tensor:
    return _by_step(x, fmt, lowest=-7 if fmt == "e4m3" else -15)


@fp8_round.wrong("values were clamped at 240: E4M3 does not reserve its top exponent for infinity, so it reaches 448")
def stops_at_240(x: Tensor, fmt: str) -> Tensor:
    return fp8_round.fn(x.clamp(-240, 240) if fmt == "e4m3" else x, fmt)


@fp8_round.wrong("values were clamped at 480: the bit pattern after 448 is E4M3's NaN")
def goes_to_480(x: Tensor, fmt: str) -> Tensor:
    _checked(fmt)
    return _nearest(x, _numbers(fmt, 128 if fmt == "e4m3" else 0))


@fp8_round.wrong("NaN became a number: it must stay NaN")
def nan_to_zero(x: Tensor, fmt: str) -> Tensor:
    return fp8_round.fn(x.nan_to_num(0.0, torch.inf, -torch.inf), fmt)


@fp8_round.wrong("the sign of zero was lost: -0.0 must stay -0.0")
def unsigned_zero(x: Tensor, fmt: str) -> Tensor:
    return fp8_round.fn(x, fmt) + 0.0


@fp8_round.wrong(
    "values were rounded to fp16 first: a value just above halfway becomes a tie and may round the wrong way"
)
def through_fp16(x: Tensor, fmt: str) -> Tensor:
    return fp8_round.fn(x.half().float(), fmt)


@fp8_round.wrong("the result was in 8 bits: it must be float32")
def returns_fp8(x: Tensor, fmt: str) -> Tensor:
    return fp8_round.fn(x, fmt).to(torch.float8_e4m3fn if fmt == "e4m3" else torch.float8_e5m2)


@fp8_round.wrong("ties were rounded toward zero: ties must go to the even neighbor")
def half_down(x: Tensor, fmt: str) -> Tensor:
    return _by_step(x, fmt, lambda y: torch.copysign(torch.ceil(y.abs() - 0.5), y))


@fp8_round.wrong("an unknown format was treated as E5M2: raise ValueError")
def unchecked(x: Tensor, fmt: str) -> Tensor:
    return fp8_round.fn(x, fmt if fmt == "e4m3" else "e5m2")
