"""fp32 to bf16, to the bit."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch06_numerics.bf16_by_hand import bf16_by_hand
from grader.checks import exact, randn, strided
from reference.ch06_numerics.bf16_by_hand import bf16_by_hand as oracle


def of_bits(*patterns):
    return torch.tensor([p - (1 << 32) if p >> 31 else p for p in patterns], dtype=torch.int32).view(torch.float32)


@pytest.mark.card("bf16-is-half-an-fp32")
def test_a_value_that_fits_stays_as_it_is():
    exact(bf16_by_hand, torch.tensor([1.0, -2.5, 0.15625]), with_=oracle, gives=[1.0, -2.5, 0.15625])


@pytest.mark.card("round-to-nearest-even")
def test_what_lies_between_goes_to_the_nearer_neighbour():
    # bf16 has 1, 1.0078125, 1.015625
    values = torch.tensor([1.003, 1.005, -1.005, 1.01, 1.013])
    exact(bf16_by_hand, values, with_=oracle, gives=[1.0, 1.0078, -1.0078, 1.0078, 1.0156])


@pytest.mark.card("round-to-nearest-even")
def test_halfway_goes_to_the_even_neighbour():
    exact(
        bf16_by_hand,
        of_bits(0x3F808000, 0x3F818000, 0xBF808000, 0xBF818000),
        with_=oracle,
        gives=[1.0, 1.015625, -1.0, -1.015625],
    )


@pytest.mark.card("round-to-nearest-even")
def test_just_over_and_just_under_halfway():
    exact(bf16_by_hand, of_bits(0x3F807FFF, 0x3F808001, 0x3F817FFF, 0x3F818001), with_=oracle)


def test_rounding_up_may_carry_into_the_exponent():
    exact(bf16_by_hand, of_bits(0x3FFFFFFF, 0x40FF8000, 0x007FFFFF), with_=oracle)


@pytest.mark.card("bf16-range")
def test_too_large_becomes_infinite_and_infinity_stays():
    exact(
        bf16_by_hand,
        of_bits(0x7F7F7FFF, 0x7F7F8000, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000),
        with_=oracle,
    )


def test_every_nan_stays_a_nan():
    exact(bf16_by_hand, of_bits(0x7FC00000, 0x7F800001, 0x7FFFFFFF, 0xFFC00000, 0xFFFFFFFF), with_=oracle)


def test_subnormals_and_signed_zeros_are_kept():
    exact(
        bf16_by_hand,
        of_bits(0x00000000, 0x80000000, 0x00008000, 0x00018000, 0x00400000, 0x80410000),
        with_=oracle,
    )


def test_ordinary_values_of_any_shape_and_strides(seed):
    exact(bf16_by_hand, randn(6, 50, seed=seed), with_=oracle)
    exact(bf16_by_hand, strided(randn(5, 7, seed=seed)), with_=oracle)
    exact(bf16_by_hand, torch.empty(0, 3), with_=oracle)


@given(st.integers(0, 2**32 - 1))
def test_any_bit_pattern(pattern):
    exact(bf16_by_hand, of_bits(pattern), with_=oracle)
