"""fp32 to E4M3 and E5M2, to the bit."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch06_numerics.fp8_round import fp8_round
from grader.checks import exact, randn, strided
from reference.ch06_numerics.fp8_round import fp8_round as oracle

FORMATS = pytest.mark.parametrize("fmt", ["e4m3", "e5m2"])
ULP = 2.0**-20  # a little, compared with the step of an 8-bit float


def t(*numbers):
    return torch.tensor(numbers)


@pytest.mark.card("e4m3-buys-a-digit")
def test_between_one_and_two_e4m3_has_seven_numbers_and_e5m2_three():
    x = t(1.06, 1.07, 1.3, 1.9)
    exact(fp8_round, x, "e4m3", with_=oracle, gives=[1.0, 1.125, 1.25, 1.875])
    exact(fp8_round, x, "e5m2", with_=oracle, gives=[1.0, 1.0, 1.25, 2.0])


@pytest.mark.card("e5m2-has-the-range")
def test_a_thousand_and_a_thousandth_fit_e5m2_and_not_e4m3():
    x = t(1000.0, -0.001, 40000.0, 0.00002)
    exact(fp8_round, x, "e4m3", with_=oracle, gives=[448.0, -0.00195, 448.0, 0.0])
    exact(fp8_round, x, "e5m2", with_=oracle, gives=[1024.0, -0.00098, 40960.0, 0.000015])


@FORMATS
def test_halfway_goes_to_the_even_neighbour(fmt):
    step = 0.125 if fmt == "e4m3" else 0.25
    halves = torch.tensor([1 + step * (i + 0.5) for i in range(8)])
    exact(fp8_round, torch.cat([halves, -halves, 64 * halves]), fmt, with_=oracle)


@FORMATS
def test_just_past_halfway_goes_to_the_nearer_one(fmt):
    step = 0.125 if fmt == "e4m3" else 0.25
    halves = torch.tensor([1 + step * (i + 0.5) for i in range(4)])
    exact(fp8_round, torch.cat([halves * (1 + ULP), halves * (1 - ULP)]), fmt, with_=oracle)


@pytest.mark.card("fp8-clamp-first")
def test_e4m3_ends_at_448():
    x = t(240.0, 250.0, 448.0, 449.0, 464.0, 464.5, 480.0, -500.0, 3e38)
    gives = [240.0, 256.0, 448.0, 448.0, 448.0, 448.0, 448.0, -448.0, 448.0]
    exact(fp8_round, x, "e4m3", with_=oracle, gives=gives)


@pytest.mark.card("fp8-clamp-first", "e5m2-has-the-range")
def test_e5m2_ends_at_57344():
    x = t(57344.0, 61000.0, 61440.0, 65504.0, -70000.0, 3e38)
    exact(fp8_round, x, "e5m2", with_=oracle, gives=[57344.0] * 4 + [-57344.0, 57344.0])


@FORMATS
def test_infinity_becomes_the_largest_number_and_nan_stays(fmt):
    exact(fp8_round, t(torch.inf, -torch.inf, 1.0), fmt, with_=oracle)
    exact(fp8_round, t(torch.nan, 1.0), fmt, with_=oracle)


@pytest.mark.card("fp8-subnormals")
@FORMATS
def test_below_the_smallest_normal_the_step_stays_the_same(fmt):
    smallest = 2.0**-9 if fmt == "e4m3" else 2.0**-16
    multiples = smallest * t(0.4, 0.5, 0.6, 1.0, 1.4, 1.5, 2.5, 2.9, 3.4, 3.75, 7.3, 7.5, 8.0, 8.5)
    exact(fp8_round, torch.cat([multiples, -multiples]), fmt, with_=oracle)


@FORMATS
def test_the_sign_of_zero_is_kept(fmt):
    exact(fp8_round, t(0.0, -0.0, -1e-30, 1e-45), fmt, with_=oracle)


@FORMATS
def test_ordinary_values_of_any_shape_and_strides(fmt, seed):
    exact(fp8_round, randn(6, 50, seed=seed), fmt, with_=oracle)
    exact(fp8_round, strided(randn(5, 7, seed=seed)), fmt, with_=oracle)
    exact(fp8_round, torch.empty(0, 3), fmt, with_=oracle)


@pytest.mark.parametrize("fmt", ["E4M3", "e3m4"])
def test_any_other_format_is_a_value_error(fmt):
    exact(fp8_round, t(1.0), fmt, with_=oracle)


@given(st.floats(width=32), st.sampled_from(["e4m3", "e5m2"]))
def test_any_float(value, fmt):
    exact(fp8_round, t(value), fmt, with_=oracle)
