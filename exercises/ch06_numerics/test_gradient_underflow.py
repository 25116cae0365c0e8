"""What 16 bits turn into zero, and what loss scaling saves."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch06_numerics.gradient_underflow import gradient_underflow
from grader.checks import agrees, randn, strided
from reference.ch06_numerics.gradient_underflow import gradient_underflow as oracle


def shares(float16, bfloat16, float16_scaled):
    return {"float16": float16, "bfloat16": bfloat16, "float16_scaled": float16_scaled}


def spread(*shape, seed):
    """Gradients from about 1e-12 to 1e-2, evenly over the decades, of either sign."""
    return randn(*shape, seed=seed).sign() * 10.0 ** (-7 + 1.5 * randn(*shape, seed=seed + 1))


@pytest.mark.card("loss-scaling")
def test_two_gradients_and_two_zeros_by_hand():
    g = torch.tensor([1e-3, 1e-8, 0.0, 0.0])
    agrees(gradient_underflow, g, 65536, with_=oracle, gives=shares(0.5, 0.0, 0.0))
    agrees(gradient_underflow, torch.tensor([1e-9]), 2, with_=oracle, gives=shares(1.0, 0.0, 1.0))


@pytest.mark.card("loss-scaling", "fp16-flushes-gradients")
def test_three_of_five_gradients_are_too_small_for_fp16():
    g = torch.tensor([3e-10, -2e-9, 1e-8, -4e-6, 5e-4])
    agrees(gradient_underflow, g, 65536, with_=oracle, gives=shares(0.6, 0.0, 0.0))


@pytest.mark.card("fp16-underflow-limit")
def test_the_limit_is_half_of_the_smallest_subnormal():
    g = torch.tensor([6.2e-5, 5e-5, 6e-8, 2.0**-25 * (1 + 2.0**-12), 3e-8, 2.97e-8, 2.0**-25, -(2.0**-25)])
    agrees(gradient_underflow, g, 2, with_=oracle, gives=shares(0.375, 0.0, 0.0))


@pytest.mark.card("fp16-flushes-gradients")
def test_bf16_loses_only_the_end_of_float32():
    g = torch.tensor([1e-38, 1e-40, 8e-41, 4e-41, 1e-44])
    agrees(gradient_underflow, g, 1, with_=oracle, gives=shares(1.0, 0.4, 1.0))


@pytest.mark.card("loss-scaling-too-far")
def test_a_scale_too_large_makes_infinities_which_are_not_zeros():
    g = torch.tensor([10.0, -3.0, 1e-9, 1e-13])
    agrees(gradient_underflow, g, 65536, with_=oracle, gives=shares(0.5, 0.0, 0.25))


@pytest.mark.card("fp16-flushes-gradients", "loss-scaling")
@pytest.mark.parametrize("scale", [1, 256, 65536])
def test_gradients_over_many_decades(scale, seed):
    agrees(gradient_underflow, spread(500, seed=seed), scale, with_=oracle)


def test_sparse_gradients_do_not_hide_the_loss(seed):
    g = spread(40, 10, seed=seed) * (randn(40, 1, seed=seed + 2) > 0.5)
    agrees(gradient_underflow, g, 16, with_=oracle)


@pytest.mark.parametrize("g", [torch.zeros(3), torch.empty(0)], ids=["only zeros", "empty"])
def test_where_there_is_no_gradient_nothing_is_lost(g):
    agrees(gradient_underflow, g, 1024, with_=oracle, gives=shares(0.0, 0.0, 0.0))


def test_strides_make_no_difference(seed):
    agrees(gradient_underflow, strided(spread(6, 5, seed=seed)), 64, with_=oracle)


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), max_size=8), st.integers(0, 24))
def test_any_gradients_and_any_power_of_two(values, power):
    agrees(gradient_underflow, torch.tensor(values, dtype=torch.float32), 2**power, with_=oracle)
