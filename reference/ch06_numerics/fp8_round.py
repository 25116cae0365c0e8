"""By looking it up: write down every number of the format and take the nearest."""

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
        raise ValueError("a format of 8 bits is e4m3 or e5m2")


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


@fp8_round.right(
    "by integers, as in bf16_by_hand, with subnormals rounded by adding a number so large that they drop off"
)
def by_bits(x: Tensor, fmt: str) -> Tensor:
    _checked(fmt)
    cut, normal, largest = (20, 2.0**-6, 448.0) if fmt == "e4m3" else (21, 2.0**-14, 57344.0)
    x = x.contiguous().clamp(-largest, largest)
    bits = x.view(torch.int32)
    up = (bits + (1 << (cut - 1)) - 1 + ((bits >> cut) & 1)) >> cut << cut
    magic = normal * 2.0**cut  # its last bit is worth one smallest subnormal
    small = torch.copysign((x.abs() + magic) - magic, x)
    return torch.where(x.isnan(), x, torch.where(x.abs() < normal, small, up.view(torch.float32)))


@fp8_round.wrong("no clamp in E5M2: past 57,344 it has an infinity, and torch's bare cast goes there; clamp first")
def e5m2_to_inf(x: Tensor, fmt: str) -> Tensor:
    y = fp8_round.fn(x, fmt)
    return torch.where(x.abs() >= 61440, torch.copysign(torch.tensor(torch.inf), x), y) if fmt == "e5m2" else y


@fp8_round.wrong("not clamped: past 448 E4M3 has only NaN, and torch's bare cast went there before 2.12; clamp first")
def not_clamped(x: Tensor, fmt: str) -> Tensor:
    y = e5m2_to_inf(x, fmt)
    return torch.where(x.abs() > 464, torch.nan, y) if fmt == "e4m3" else y


@fp8_round.wrong("infinity rounded before it is clamped: infinity divided by an infinite step is NaN; clamp first")
def clamped_last(x: Tensor, fmt: str) -> Tensor:
    return torch.where(x.isinf(), torch.nan, fp8_round.fn(x, fmt))


@fp8_round.wrong("infinity left as it is: this rounding saturates, so it becomes the largest number")
def keeps_infinity(x: Tensor, fmt: str) -> Tensor:
    return torch.where(x.isinf(), x, fp8_round.fn(x, fmt))


@fp8_round.wrong("subnormals flushed to zero: the format has them, down to 2⁻⁹ in E4M3 and 2⁻¹⁶ in E5M2")
def flushed(x: Tensor, fmt: str) -> Tensor:
    small = x.abs() < (2.0**-6 if fmt == "e4m3" else 2.0**-14)
    return fp8_round.fn(torch.where(small, torch.copysign(torch.zeros_like(x), x), x), fmt)


@fp8_round.wrong("what rounds to a subnormal flushed to zero: the format has them, down to 2⁻⁹ and 2⁻¹⁶")
def flushed_after(x: Tensor, fmt: str) -> Tensor:
    y = fp8_round.fn(x, fmt)
    return torch.where(y.abs() < (2.0**-6 if fmt == "e4m3" else 2.0**-14), torch.copysign(torch.zeros_like(y), y), y)


@fp8_round.wrong("a KeyError for an unknown format: a ValueError is asked for")
def key_error(x: Tensor, fmt: str) -> Tensor:
    if fmt not in FORMATS:
        raise KeyError(fmt)
    return fp8_round.fn(x, fmt)


@fp8_round.wrong(
    "no smallest number: the exponent stops at −6 (E4M3) or −14 (E5M2), and below it the step stays the same"
)
def no_floor(x: Tensor, fmt: str) -> Tensor:
    return _by_step(x, fmt, lowest=-120)


@fp8_round.wrong("the bits that do not fit cut off: that rounds towards zero")
def truncated(x: Tensor, fmt: str) -> Tensor:
    return _by_step(x, fmt, torch.trunc)


@fp8_round.wrong("ties rounded away from zero: half of them should go to the other, even neighbour")
def half_up(x: Tensor, fmt: str) -> Tensor:
    return _by_step(x, fmt, lambda y: torch.copysign(torch.floor(y.abs() + 0.5), y))


@fp8_round.wrong("the two formats swapped: 4 exponent bits reach 448, 5 reach 57,344")
def swapped(x: Tensor, fmt: str) -> Tensor:
    _checked(fmt)
    return fp8_round.fn(x, "e5m2" if fmt == "e4m3" else "e4m3")


@fp8_round.wrong("steps twice as large as the format's: frexp's mantissa is below 1, so its exponent is one too high")
def too_coarse(x: Tensor, fmt: str) -> Tensor:
    return _by_step(x, fmt, off=1, lowest=-7 if fmt == "e4m3" else -15)


@fp8_round.wrong("one fraction bit too many: the format does not store the leading 1, so 3 bits mean steps of 1/8")
def too_fine(x: Tensor, fmt: str) -> Tensor:
    return _by_step(x, fmt, off=-1)


@fp8_round.wrong("one too many in the floor of the exponent: subnormals lie closer together than the format has them")
def floor_too_low(x: Tensor, fmt: str) -> Tensor:
    return _by_step(x, fmt, lowest=-7 if fmt == "e4m3" else -15)


@fp8_round.wrong("clamped at 240: E4M3 does not reserve its top exponent for infinities and reaches 448")
def stops_at_240(x: Tensor, fmt: str) -> Tensor:
    return fp8_round.fn(x.clamp(-240, 240) if fmt == "e4m3" else x, fmt)


@fp8_round.wrong("clamped at 480: the bit pattern after 448 is E4M3's NaN")
def goes_to_480(x: Tensor, fmt: str) -> Tensor:
    _checked(fmt)
    return _nearest(x, _numbers(fmt, 128 if fmt == "e4m3" else 0))


@fp8_round.wrong("NaN turned into a number")
def nan_to_zero(x: Tensor, fmt: str) -> Tensor:
    return fp8_round.fn(x.nan_to_num(0.0, torch.inf, -torch.inf), fmt)


@fp8_round.wrong("the sign of zero lost")
def unsigned_zero(x: Tensor, fmt: str) -> Tensor:
    return fp8_round.fn(x, fmt) + 0.0


@fp8_round.wrong("rounded to fp16 on the way: what lay just past halfway lands on it and goes to the wrong side")
def through_fp16(x: Tensor, fmt: str) -> Tensor:
    return fp8_round.fn(x.half().float(), fmt)


@fp8_round.wrong("returned in 8 bits: the result is float32")
def returns_fp8(x: Tensor, fmt: str) -> Tensor:
    return fp8_round.fn(x, fmt).to(torch.float8_e4m3fn if fmt == "e4m3" else torch.float8_e5m2)


@fp8_round.wrong("ties rounded towards zero: half of them should go to the other, even neighbour")
def half_down(x: Tensor, fmt: str) -> Tensor:
    return _by_step(x, fmt, lambda y: torch.copysign(torch.ceil(y.abs() - 0.5), y))


@fp8_round.wrong("any other format taken for E5M2: raise ValueError")
def unchecked(x: Tensor, fmt: str) -> Tensor:
    return fp8_round.fn(x, fmt if fmt == "e4m3" else "e5m2")
