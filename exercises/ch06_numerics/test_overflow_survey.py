"""fp16 loses range, bf16 loses digits."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch06_numerics.overflow_survey import overflow_survey
from grader.checks import agrees, randn, strided
from reference.ch06_numerics.overflow_survey import overflow_survey as oracle


@pytest.mark.card("bf16-range", "fp16-saturates")
def test_seventy_thousand_is_lost_in_fp16_and_rounded_in_bf16():
    kept = {"overflowed": [False], "flushed": [False], "error": 0.0021}
    gives = {"float16": {"overflowed": [True], "flushed": [False], "error": 0.0}, "bfloat16": kept}
    agrees(overflow_survey, torch.tensor([70000.0]), with_=oracle, gives=gives)


@pytest.mark.card("fp16-saturates")
def test_fp16_overflows_from_65520_on():
    agrees(overflow_survey, torch.tensor([65504.0, 65519.0, 65520.0, -65519.9, -65520.0, 65535.0]), with_=oracle)


@pytest.mark.card("bf16-range")
def test_bf16_overflows_just_below_the_end_of_fp32():
    agrees(overflow_survey, torch.tensor([3.38e38, 3.39e38, 3.395e38, 3.397e38, -3.4e38]), with_=oracle)


@pytest.mark.card("fp16-flushes-gradients")
def test_gradients_of_1e_8_are_flushed_by_fp16_and_kept_by_bf16():
    agrees(overflow_survey, torch.tensor([1e-3, 6.2e-5, 6e-5, 1e-6, 6e-8, 3.1e-8, 2.9e-8, 1e-8]), with_=oracle)


def test_what_was_zero_infinite_or_nan_is_not_lost():
    agrees(overflow_survey, torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan, 1.0, 0.1]), with_=oracle)


@pytest.mark.card("digits-of-16-bits")
def test_the_worst_error_of_ordinary_values_is_that_of_the_significand(seed):
    agrees(overflow_survey, randn(500, seed=seed), with_=oracle)


def test_nothing_at_all_and_nothing_kept():
    agrees(overflow_survey, torch.empty(0), with_=oracle)
    agrees(overflow_survey, torch.tensor([1e-45, 0.0]), with_=oracle)


def test_strides_make_no_difference(seed):
    agrees(overflow_survey, strided(1e5 * randn(9, seed=seed)), with_=oracle)


@given(st.lists(st.floats(allow_nan=False, width=32), max_size=8))
def test_any_floats_are_judged(values):
    agrees(overflow_survey, torch.tensor(values, dtype=torch.float32), with_=oracle)
