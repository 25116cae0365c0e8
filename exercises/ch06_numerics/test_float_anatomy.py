"""The value of a bit pattern, and the limits of a format, from the widths of its fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch06_numerics.float_anatomy import decode, limits
from grader.checks import exact
from reference.ch06_numerics.float_anatomy import decode as decode_oracle
from reference.ch06_numerics.float_anatomy import limits as limits_oracle

FP16, BF16, FP32, FP64, E5M2 = (5, 10), (8, 7), (8, 23), (11, 52), (5, 2)


def pattern(bits, e, m):
    return format(bits, f"0{1 + e + m}b")


@pytest.mark.card("float-fields")
def test_minus_three_in_fp16_by_hand():
    exact(decode, "1100001000000000", *FP16, with_=decode_oracle, gives=-3.0)


@pytest.mark.card("float-fields")
@pytest.mark.parametrize(
    "bits, widths, value",
    [(0x3C00, FP16, 1.0), (0x3FC0, BF16, 1.5), (0xC2F70000, FP32, -123.5)],
    ids=["fp16", "bf16", "fp32"],
)
def test_ordinary_numbers(bits, widths, value):
    exact(decode, pattern(bits, *widths), *widths, with_=decode_oracle, gives=value)


@pytest.mark.parametrize("bits", [0x0001, 0x0200, 0x03FF, 0x0400, 0x8001], ids=hex)
def test_subnormals_of_fp16_fill_the_gap_around_zero(bits):
    exact(decode, pattern(bits, *FP16), *FP16, with_=decode_oracle)


@pytest.mark.parametrize("bits", [0x0000, 0x8000], ids=hex)
def test_zero_has_a_sign(bits):
    exact(decode, pattern(bits, *FP16), *FP16, with_=decode_oracle)


@pytest.mark.card("fp16-saturates")
@pytest.mark.parametrize("bits", [0x7BFF, 0x7C00, 0xFC00, 0x7C01, 0xFE00], ids=hex)
def test_after_65504_come_infinity_and_the_nans(bits):
    exact(decode, pattern(bits, *FP16), *FP16, with_=decode_oracle)


@pytest.mark.card("e4m3-top-exponent")
@pytest.mark.parametrize("bits", [0x77, 0x78, 0x7E, 0x7F, 0xFE, 0xFF], ids=hex)
@pytest.mark.parametrize("inf", [True, False], ids=["with inf", "without inf"])
def test_the_top_exponent_of_four_and_three_bits(bits, inf):
    exact(decode, pattern(bits, 4, 3), 4, 3, inf=inf, with_=decode_oracle)


@given(st.integers(2, 8), st.integers(1, 23), st.booleans(), st.data())
def test_any_pattern_of_any_format(e, m, inf, data):
    bits = data.draw(st.integers(0, 2 ** (1 + e + m) - 1))
    exact(decode, pattern(bits, e, m), e, m, inf=inf, with_=decode_oracle)


@pytest.mark.card("fp16-saturates")
def test_the_limits_of_fp16():
    gives = {"max": 65504.0, "smallest_normal": 2.0**-14, "epsilon": 2.0**-10}
    exact(limits, *FP16, with_=limits_oracle, gives=gives)


@pytest.mark.card("bf16-for-range")
@pytest.mark.parametrize("widths", [BF16, FP32], ids=["bf16", "fp32"])
def test_the_limits_of_bf16_are_those_of_fp32_but_for_epsilon(widths):
    exact(limits, *widths, with_=limits_oracle)


@pytest.mark.card("widest-range")
def test_the_limits_of_float64():
    exact(limits, *FP64, with_=limits_oracle)


@pytest.mark.card("e4m3-top-exponent")
@pytest.mark.parametrize(
    "widths, inf, top",
    [((4, 3), False, 448.0), ((4, 3), True, 240.0), (E5M2, True, 57344.0)],
    ids=["4 and 3 without inf", "4 and 3 with inf", "5 and 2"],
)
def test_the_limits_of_fp8(widths, inf, top):
    gives = {"max": top, "smallest_normal": 2.0 ** (2 - 2 ** (widths[0] - 1)), "epsilon": 2.0 ** -widths[1]}
    exact(limits, *widths, inf=inf, with_=limits_oracle, gives=gives)


@given(st.integers(2, 10), st.integers(1, 40), st.booleans())
def test_the_limits_of_any_format(e, m, inf):
    exact(limits, e, m, inf=inf, with_=limits_oracle)
