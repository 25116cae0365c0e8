"""The last x of each format whose exp is finite."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch06_numerics.exp_overflow import exp_overflow
from grader.checks import exact
from reference.ch06_numerics.exp_overflow import exp_overflow as oracle


@pytest.mark.card("exp-limits", "exp-limit-bf16")
def test_in_bf16_it_is_88_and_a_half():
    exact(exp_overflow, torch.bfloat16, with_=oracle, gives=88.5)


@pytest.mark.card("exp-limits", "exp-limit-fp16")
def test_in_fp16_it_is_just_under_11_and_a_tenth():
    exact(exp_overflow, torch.float16, with_=oracle, gives=11.0859375)


@pytest.mark.card("exp-limits", "exp-limit-fp16")
def test_in_fp32_the_logarithm_of_the_largest_value_is_too_much():
    exact(exp_overflow, torch.float32, with_=oracle, gives=88.7228)


@pytest.mark.card("exp-limits")
def test_float64_only_moves_the_limit_to_709():
    exact(exp_overflow, torch.float64, with_=oracle, gives=709.7827)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64], ids=str)
def test_a_dtype_without_fractions_is_a_type_error(dtype):
    exact(exp_overflow, dtype, with_=oracle)


@given(st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]))
def test_any_float_in_any_order(dtype):
    exact(exp_overflow, dtype, with_=oracle)
