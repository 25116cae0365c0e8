"""The root of the sum of squares, computed where the squares fit."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch01_tensors.l2_norm import l2_norm
from grader.checks import agrees, randn, signal, strided
from reference.ch01_tensors.l2_norm import l2_norm as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.card("l2-norm-3-4")
def test_three_and_four_make_five():
    agrees(l2_norm, torch.tensor([3.0, 4.0]), with_=oracle, gives=5.0)


@pytest.mark.card("l2-norm-3-4")
def test_signs_do_not_matter():
    agrees(l2_norm, torch.tensor([2.0, -3.0, 6.0]), with_=oracle, gives=7.0)


@pytest.mark.card("l2-norm-overflows-inside")
def test_in_fp16_300_and_400_make_500():
    agrees(l2_norm, torch.tensor([300.0, 400.0]).half(), with_=oracle, gives=500.0)


@pytest.mark.card("l2-norm-overflows-inside")
def test_in_fp16_squares_that_fit_may_add_up_to_what_does_not():
    agrees(l2_norm, torch.full((4,), 200.0).half(), with_=oracle, gives=400.0)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_long_vector_is_summed_in_float32(dtype, seed):
    agrees(l2_norm, randn(600, dtype=dtype, seed=seed), with_=oracle)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize("kind", ["ordinary", "large", "tiny", "offset", "huge", "zeros"])
def test_values_of_every_size(kind, dtype, seed):
    agrees(l2_norm, signal(kind, 37, dtype=dtype, seed=seed), with_=oracle)


def test_no_numbers_have_length_zero_and_one_number_has_its_size():
    agrees(l2_norm, torch.empty(0), with_=oracle, gives=0.0)
    agrees(l2_norm, torch.tensor([-2.5]), with_=oracle, gives=2.5)


def test_strides_make_no_difference(seed):
    agrees(l2_norm, strided(randn(9, seed=seed)), with_=oracle)


@settings(max_examples=12)
@given(st.lists(st.integers(-9999, 9999), max_size=8))
def test_any_numbers_of_two_decimals(hundredths):
    agrees(l2_norm, torch.tensor(hundredths, dtype=torch.float32) / 100, with_=oracle)
