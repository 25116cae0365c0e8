"""Every float is a whole number of smallest steps: integers shifted by an exponent."""

import math
from collections.abc import Callable

import torch

from reference import oracle


def _fields(bits: str, e: int) -> tuple[bool, int, int]:
    return bits[0] == "1", int(bits[1 : 1 + e], 2), int(bits[1 + e :], 2)


def _bias(e: int) -> int:
    return 2 ** (e - 1) - 1


def _signed(sign: bool, value: float) -> float:
    return math.copysign(value, -1.0 if sign else 1.0)


def _number(e: int, m: int, exponent: int, fraction: int) -> float:
    significand = fraction + 2**m if exponent else fraction
    return math.ldexp(significand, max(exponent, 1) - _bias(e) - m)


@oracle
def decode(bits: str, e: int, m: int, inf: bool = True) -> float:
    below = int(bits[1:], 2)
    first = (2**e - 1) * 2**m if inf else 2 ** (e + m) - 1  # the first pattern that is no number
    sign, exponent, fraction = _fields(bits, e)
    if below > first or (below == first and not inf):
        return math.nan
    return _signed(sign, math.inf if below == first else _number(e, m, exponent, fraction))


TORCH = {
    (5, 10, True): (torch.int16, torch.float16),
    (8, 7, True): (torch.int16, torch.bfloat16),
    (8, 23, True): (torch.int32, torch.float32),
    (5, 2, True): (torch.uint8, torch.float8_e5m2),
    (4, 3, False): (torch.uint8, torch.float8_e4m3fn),
}


@decode.right("by the hardware, for the formats that it has")
def by_the_machine(bits: str, e: int, m: int, inf: bool = True) -> float:
    if (e, m, inf) not in TORCH:
        return decode.fn(bits, e, m, inf)
    integer, dtype = TORCH[e, m, inf]
    pattern = int(bits, 2)
    if integer is not torch.uint8 and bits[0] == "1":
        pattern -= 1 << len(bits)
    return torch.tensor([pattern], dtype=integer).view(dtype).item()


@decode.right("digit by digit")
def digit_by_digit(bits: str, e: int, m: int, inf: bool = True) -> float:
    exponent, fraction = bits[1 : 1 + e], bits[1 + e :]
    if "0" not in exponent and (inf or "0" not in fraction):
        finite = math.inf if inf and "1" not in fraction else math.nan
        return -finite if bits[0] == "1" else finite
    value = float("1" in exponent)
    for place, digit in enumerate(fraction, 1):
        value += int(digit) * 2.0**-place
    value *= 2.0 ** (max(int(exponent, 2), 1) - _bias(e))
    return -value if bits[0] == "1" else value


def _misread(bits: str, e: int, m: int, inf: bool, number: Callable[[int, int], float]) -> float:
    right = decode.fn(bits, e, m, inf)
    sign, exponent, fraction = _fields(bits, e)
    return _signed(sign, number(exponent, fraction)) if math.isfinite(right) else right


@decode.wrong("no bias was subtracted: the exponent field counts from −bias, not from 0")
def no_bias(bits: str, e: int, m: int, inf: bool = True) -> float:
    return _misread(bits, e, m, inf, lambda x, f: math.ldexp(_number(e, m, x, f), _bias(e)))


@decode.wrong("the bias was 2^(e−1): the right bias is one less, 15 for fp16 and 127 for fp32")
def bias_one_more(bits: str, e: int, m: int, inf: bool = True) -> float:
    return _misread(bits, e, m, inf, lambda x, f: _number(e, m, x, f) / 2)


@decode.wrong("the hidden 1 is missing: a normal number is (1 + F / 2^m) times a power of 2")
def no_hidden_one(bits: str, e: int, m: int, inf: bool = True) -> float:
    return _misread(bits, e, m, inf, lambda x, f: math.ldexp(f, max(x, 1) - _bias(e) - m))


@decode.wrong("subnormals were read like normal numbers: with an exponent field of 0 there is no hidden 1")
def no_subnormals(bits: str, e: int, m: int, inf: bool = True) -> float:
    return _misread(bits, e, m, inf, lambda x, f: math.ldexp(f + 2**m, x - _bias(e) - m))


@decode.wrong("only zero was treated specially: with an exponent field of 0 no pattern has the hidden 1")
def only_zero_is_special(bits: str, e: int, m: int, inf: bool = True) -> float:
    return _misread(bits, e, m, inf, lambda x, f: math.ldexp(f + 2**m, x - _bias(e) - m) if x or f else 0.0)


@decode.wrong(
    "subnormals were scaled by 2^(−bias): the power is 2^(1 − bias), so there is no gap to the normal numbers"
)
def subnormals_halved(bits: str, e: int, m: int, inf: bool = True) -> float:
    return _misread(bits, e, m, inf, lambda x, f: _number(e, m, x, f) / (1 if x else 2))


@decode.wrong("every pattern with an exponent field of 0 was read as 0: the fraction still counts")
def subnormals_flushed(bits: str, e: int, m: int, inf: bool = True) -> float:
    return _misread(bits, e, m, inf, lambda x, f: _number(e, m, x, f) if x else 0.0)


@decode.wrong("the top exponent was reserved although `inf` is false: E4M3 reaches 448 and does not end at 240")
def always_reserved(bits: str, e: int, m: int, inf: bool = True) -> float:
    return decode.fn(bits, e, m, True)


@decode.wrong("the top exponent was read as a number although `inf` is true: it means infinity and NaN")
def never_reserved(bits: str, e: int, m: int, inf: bool = True) -> float:
    sign, exponent, fraction = _fields(bits, e)
    return _signed(sign, _number(e, m, exponent, fraction)) if inf else decode.fn(bits, e, m, inf)


@decode.wrong("NaN was read as a number: without infinity the pattern of all ones is still NaN; E4M3 has no 480")
def no_nan(bits: str, e: int, m: int, inf: bool = True) -> float:
    if inf:
        return decode.fn(bits, e, m, inf)
    sign, exponent, fraction = _fields(bits, e)
    return _signed(sign, _number(e, m, exponent, fraction))


@decode.wrong("infinity for every fraction of the reserved exponent: only fraction 0 is infinity, all others are NaN")
def nan_is_infinite(bits: str, e: int, m: int, inf: bool = True) -> float:
    sign, exponent, _ = _fields(bits, e)
    return _signed(sign, math.inf) if inf and exponent == 2**e - 1 else decode.fn(bits, e, m, inf)


@decode.wrong("NaN for the whole reserved exponent: fraction 0 is infinity")
def infinity_is_nan(bits: str, e: int, m: int, inf: bool = True) -> float:
    _, exponent, _ = _fields(bits, e)
    return math.nan if inf and exponent == 2**e - 1 else decode.fn(bits, e, m, inf)


@decode.wrong("NaN for the whole top exponent although `inf` is false: only the last pattern is NaN; E4M3 reaches 448")
def top_exponent_is_nan(bits: str, e: int, m: int, inf: bool = True) -> float:
    _, exponent, _ = _fields(bits, e)
    return math.nan if not inf and exponent == 2**e - 1 else decode.fn(bits, e, m, inf)


@decode.wrong("the sign bit was ignored")
def unsigned(bits: str, e: int, m: int, inf: bool = True) -> float:
    return decode.fn("0" + bits[1:], e, m, inf)


@decode.wrong("the sign of zero was lost: the pattern with only the sign bit is -0.0")
def unsigned_zero(bits: str, e: int, m: int, inf: bool = True) -> float:
    return decode.fn(bits, e, m, inf) + 0.0


@decode.wrong("the fields were read in the wrong order: from the left they are sign, exponent, fraction")
def fields_swapped(bits: str, e: int, m: int, inf: bool = True) -> float:
    return decode.fn(bits[0] + bits[1 + m :] + bits[1 : 1 + m], e, m, inf)


@decode.wrong("the sign bit was read at the wrong end: it is the first digit, before the exponent")
def sign_last(bits: str, e: int, m: int, inf: bool = True) -> float:
    return decode.fn(bits[-1] + bits[:-1], e, m, inf)


def _counted(pattern: int, e: int, m: int) -> float:
    return _number(e, m, pattern >> m, pattern % 2**m)


@oracle
def limits(e: int, m: int, inf: bool = True) -> dict[str, float]:
    last = (2**e - 1) * 2**m - 1 if inf else 2 ** (e + m) - 2  # before the first pattern that is no number
    one = _bias(e) * 2**m
    return {
        "max": _counted(last, e, m),
        "smallest_normal": _counted(2**m, e, m),
        "epsilon": _counted(one + 1, e, m) - _counted(one, e, m),
    }


FINFO = {**{k: d for k, (_, d) in TORCH.items()}, (11, 52, True): torch.float64}


@limits.right("torch's own values, for the formats that it has")
def by_finfo(e: int, m: int, inf: bool = True) -> dict[str, float]:
    if (e, m, inf) not in FINFO:
        return limits.fn(e, m, inf)
    info = torch.finfo(FINFO[e, m, inf])
    return {"max": info.max, "smallest_normal": info.smallest_normal, "epsilon": info.eps}


@limits.right("from the widths alone")
def by_widths(e: int, m: int, inf: bool = True) -> dict[str, float]:
    top = math.ldexp(2 ** (m + 1) - 1, _bias(e) - m) if inf else math.ldexp(2**m - 1, _bias(e) + 2 - m)
    return {"max": top, "smallest_normal": math.ldexp(1, 1 - _bias(e)), "epsilon": math.ldexp(1, -m)}


@limits.wrong("the top exponent was reserved although `inf` is false: E4M3 reaches 448; only IEEE's (4, 3) ends at 240")
def max_always_reserved(e: int, m: int, inf: bool = True) -> dict[str, float]:
    return {**limits.fn(e, m, inf), "max": limits.fn(e, m, True)["max"]}


@limits.wrong("the top exponent was counted as a number although `inf` is true: it means infinity and NaN")
def max_never_reserved(e: int, m: int, inf: bool = True) -> dict[str, float]:
    right = limits.fn(e, m, inf)
    return {**right, "max": math.ldexp(2 - 2.0**-m, _bias(e) + 1)} if inf else right


@limits.wrong("the NaN pattern (all ones) was counted as the largest value: E4M3 ends at 448, not at 480")
def max_with_nan(e: int, m: int, inf: bool = True) -> dict[str, float]:
    right = limits.fn(e, m, inf)
    return right if inf else {**right, "max": math.ldexp(2 - 2.0**-m, _bias(e) + 1)}


@limits.wrong("the largest power of 2 was returned: with a fraction of all ones the value is nearly twice as large")
def max_is_a_power(e: int, m: int, inf: bool = True) -> dict[str, float]:
    right = limits.fn(e, m, inf)
    return {**right, "max": math.ldexp(1, math.frexp(right["max"])[1] - 1)}


@limits.wrong("the power of 2 above the largest value was returned: no finite number is that large")
def max_is_the_next_power(e: int, m: int, inf: bool = True) -> dict[str, float]:
    right = limits.fn(e, m, inf)
    return {**right, "max": 2.0 ** math.frexp(right["max"])[1]}


@limits.wrong("the smallest subnormal was returned: the smallest normal number has E = 1 and F = 0")
def smallest_subnormal(e: int, m: int, inf: bool = True) -> dict[str, float]:
    return {**limits.fn(e, m, inf), "smallest_normal": math.ldexp(1, 1 - _bias(e) - m)}


@limits.wrong("the smallest normal was 2^(−bias): E = 0 is for subnormals, so it is 2^(1 − bias)")
def normal_at_zero(e: int, m: int, inf: bool = True) -> dict[str, float]:
    return {**limits.fn(e, m, inf), "smallest_normal": math.ldexp(1, -_bias(e))}


@limits.wrong("half of epsilon was returned: this is the largest rounding error near 1; epsilon is the whole step")
def half_epsilon(e: int, m: int, inf: bool = True) -> dict[str, float]:
    return {**limits.fn(e, m, inf), "epsilon": 2.0 ** -(m + 1)}


@limits.wrong("the smallest number was returned for epsilon: epsilon is the step at 1, 2^−m")
def smallest_for_epsilon(e: int, m: int, inf: bool = True) -> dict[str, float]:
    return {**limits.fn(e, m, inf), "epsilon": math.ldexp(1, 1 - _bias(e) - m)}


@limits.wrong(
    "the largest value was computed from the next power of 2: in float64 that power is too large for a Python float"
)
def from_the_next_power(e: int, m: int, inf: bool = True) -> dict[str, float]:
    power, missing = (_bias(e) + 1, m + 1) if inf else (_bias(e) + 2, m)
    top = 2.0**power * (1 - 2.0**-missing)
    return {**limits.fn(e, m, inf), "max": top}
