"""By bisection: positive floats have the order of their bit patterns, and Decimal's exp decides."""

import math
from collections.abc import Callable
from decimal import Decimal, localcontext

import torch

from reference import oracle

INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def _value(pattern: int, dtype: torch.dtype) -> float:
    return torch.tensor(pattern, dtype=INTEGERS[dtype.itemsize]).view(dtype).item()


def _largest(dtype: torch.dtype, survives: Callable[[float], bool]) -> float:
    low, high = 0, int(torch.tensor(1000.0, dtype=dtype).view(INTEGERS[dtype.itemsize]).item())
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if survives(_value(middle, dtype)) else (low, middle)
    return _value(low, dtype)


def _info(dtype: torch.dtype) -> torch.finfo:
    return torch.finfo(dtype)  # raises TypeError for integers


@oracle
def exp_overflow(dtype: torch.dtype) -> float:
    info = _info(dtype)
    with localcontext() as context:
        context.prec = 40
        limit = Decimal(info.max) * (1 + Decimal(info.eps) / 4)  # from here on numbers round to inf
        return _largest(dtype, lambda x: Decimal(x).exp() < limit)


@exp_overflow.right("from the logarithm down, one float at a time")
def from_the_logarithm(dtype: torch.dtype) -> float:
    x = torch.tensor(math.log(_info(dtype).max), dtype=dtype)
    while torch.exp(x).isinf():
        x = torch.nextafter(x, torch.zeros_like(x))
    return x.item()


@exp_overflow.right("one bit after the other, as long as torch's exp stays finite")
def bit_by_bit(dtype: torch.dtype) -> float:
    _info(dtype)
    pattern = 0
    for bit in reversed(range(8 * dtype.itemsize - 1)):
        x = torch.tensor(pattern | 1 << bit, dtype=INTEGERS[dtype.itemsize]).view(dtype)
        if torch.exp(x).isfinite():
            pattern |= 1 << bit
    return _value(pattern, dtype)


@exp_overflow.right("up from 11, halving the step until the value no longer changes")
def by_halving(dtype: torch.dtype) -> float:
    _info(dtype)
    x, step = torch.tensor(11.0, dtype=dtype), torch.tensor(512.0, dtype=dtype)
    while x + step > x:
        x, step = (x + step, step) if torch.exp(x + step).isfinite() else (x, step / 2)
    return x.item()


@exp_overflow.wrong("fp16's limit was used for bf16: bf16 has the exponent of fp32, so its limit is 88.5")
def both_halves_alike(dtype: torch.dtype) -> float:
    return exp_overflow.fn(torch.float16 if dtype is torch.bfloat16 else dtype)


@exp_overflow.wrong("fp32's limit was used for bf16: bf16 cannot hold 88.7228; its nearest numbers are 88.5 and 89")
def bf16_as_fp32(dtype: torch.dtype) -> float:
    return exp_overflow.fn(torch.float32 if dtype is torch.bfloat16 else dtype)


@exp_overflow.wrong("the logarithm of the largest value was returned as float64: x must be a number of `dtype`")
def plain_logarithm(dtype: torch.dtype) -> float:
    return math.log(_info(dtype).max)


@exp_overflow.wrong("the logarithm was rounded to `dtype`: in fp16 and fp32 it is rounded up, and its exp is inf")
def rounded_logarithm(dtype: torch.dtype) -> float:
    return torch.tensor(math.log(_info(dtype).max), dtype=dtype).item()


@exp_overflow.wrong("one step too far: this is the first x whose exp is inf, not the last x whose exp is finite")
def first_infinite(dtype: torch.dtype) -> float:
    x = torch.tensor(exp_overflow.fn(dtype), dtype=dtype)
    return torch.nextafter(x, torch.full_like(x, torch.inf)).item()


@exp_overflow.wrong("one step too few: the next number of `dtype` still has a finite exp")
def one_step_short(dtype: torch.dtype) -> float:
    x = torch.tensor(exp_overflow.fn(dtype), dtype=dtype)
    return torch.nextafter(x, torch.zeros_like(x)).item()


@exp_overflow.wrong("the search took steps of 1: the numbers of `dtype` are closer together than that")
def whole_numbers(dtype: torch.dtype) -> float:
    _info(dtype)
    x = 0.0
    while torch.exp(torch.tensor(x + 1, dtype=dtype)).isfinite():
        x += 1
    return x


@exp_overflow.wrong(
    "exp was computed in Python's float64, where the limit is 709: round exp(x) to `dtype`, then check it"
)
def judged_in_float64(dtype: torch.dtype) -> float:
    _info(dtype)
    return _largest(dtype, lambda x: x < 709.782712893385)


@exp_overflow.wrong("the largest value of `dtype` was returned: this is the limit of exp(x), not of x")
def largest_value(dtype: torch.dtype) -> float:
    return _info(dtype).max


@exp_overflow.wrong(
    "the logarithm to base 2 was used: this is the limit of 2^x, and the limit of e^x is smaller by a factor of 1.44"
)
def base_two(dtype: torch.dtype) -> float:
    return math.floor(math.log2(_info(dtype).max) * 64 - 1e-3) / 64


@exp_overflow.wrong("fp32's limit was used for float64: the limit of float64 is 709.78")
def float64_as_fp32(dtype: torch.dtype) -> float:
    return exp_overflow.fn(torch.float32 if dtype is torch.float64 else dtype)


@exp_overflow.wrong("fp32's limit was rounded to seven digits: 88.72284 is the next number, and its exp is inf")
def seven_digits(dtype: torch.dtype) -> float:
    return torch.tensor(88.72284).item() if dtype is torch.float32 else exp_overflow.fn(dtype)


@exp_overflow.wrong("a ValueError for a dtype without fractions: raise TypeError, as torch.finfo does")
def value_error(dtype: torch.dtype) -> float:
    if not dtype.is_floating_point:
        raise ValueError(f"no exp in {dtype}")
    return exp_overflow.fn(dtype)


@exp_overflow.wrong("a tensor was returned: the contract asks for a Python float; item() returns it")
def as_tensor(dtype: torch.dtype) -> torch.Tensor:
    return torch.tensor(exp_overflow.fn(dtype), dtype=dtype)


@exp_overflow.wrong("one step down was taken in every dtype: bf16 and float64 had already rounded the logarithm down")
def always_one_below(dtype: torch.dtype) -> float:
    x = torch.tensor(math.log(_info(dtype).max), dtype=dtype)
    return torch.nextafter(x, torch.zeros_like(x)).item()
