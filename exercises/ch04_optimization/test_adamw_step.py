"""Adam's step, and a decay of the fraction lr · decay of the old parameters."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch04_optimization.adamw_step import adamw_step
from grader.checks import agrees, randn, strided
from reference.ch04_optimization.adamw_step import adamw_step as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def inputs(n, seed, dtype=torch.float32, moments=torch.float32):
    """Parameters, gradient and moments as they may be in the middle of a run."""
    p, g, m = (randn(n, dtype=dtype, seed=seed + i) for i in range(3))
    return p, g, (0.3 * m.float()).to(moments), (randn(n, seed=seed + 3) ** 2).to(moments)


@pytest.mark.card("adamw-decouples")
def test_the_first_step_by_hand_for_a_small_and_a_large_gradient():
    p, g, m, v = torch.tensor([2.0, 2.0]), torch.tensor([1.0, 100.0]), torch.zeros(2), torch.zeros(2)
    gives = ([1.88, 1.88], [0.1, 10.0], [0.001, 10.0])
    agrees(adamw_step, p, g, m, v, 1, lr=0.1, decay=0.1, with_=oracle, gives=gives)


@pytest.mark.card("adamw-decouples", "l2-under-adam")
def test_a_weight_decays_alike_after_small_gradients_and_after_large_ones():
    # with L2 in the gradient it would be 1.8655 and 1.9998
    p, g, m, v = torch.tensor([2.0, 2.0]), torch.zeros(2), torch.zeros(2), torch.tensor([1e-4, 100.0])
    gives = ([1.98, 1.98], [0.0, 0.0], [0.0001, 99.9])
    agrees(adamw_step, p, g, m, v, 1000, lr=0.1, decay=0.1, with_=oracle, gives=gives)


@pytest.mark.card("decay-follows-lr")
@pytest.mark.parametrize("lr, gives", [(0.1, 1.98), (0.01, 1.998), (0.0, 2.0)])
def test_the_fraction_that_decays_is_lr_times_decay(lr, gives):
    p, zero = torch.tensor([2.0]), torch.zeros(1)
    result = ([gives], [0.0], [0.0])
    agrees(adamw_step, p, zero, zero.clone(), zero.clone(), 1, lr=lr, decay=0.1, with_=oracle, gives=result)


def test_from_zero_there_is_nothing_to_decay(seed):
    _, g, m, v = inputs(9, seed)
    agrees(adamw_step, torch.zeros(9), g, m, v, 4, lr=0.1, betas=(0.8, 0.95), decay=0.5, with_=oracle)


def test_a_large_eps_shortens_adams_part_of_the_step(seed):
    agrees(adamw_step, *inputs(20, seed), 5, lr=0.1, eps=0.1, decay=0.5, with_=oracle)


@pytest.mark.parametrize("t", [1, 3])
def test_gradients_as_small_as_eps(t):
    g = torch.tensor([1e-7, -1e-7, 3e-8, 1e-6])
    agrees(adamw_step, torch.zeros(4), g, (t - 1) * 0.1 * g, (t - 1) * 0.001 * g * g, t, lr=0.1, with_=oracle)


def test_a_parameter_without_gradients_decays_all_the_same():
    p, zero = torch.tensor([1.5, -2.0, 0.0]), torch.zeros(3)
    agrees(adamw_step, p, zero, zero.clone(), zero.clone(), 1, lr=0.5, decay=0.5, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_moments_of_the_same_dtype(dtype, seed):
    agrees(adamw_step, *inputs(40, seed, dtype, dtype), 5, lr=0.5, decay=0.3, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_moments_in_float32_beside_narrow_parameters(dtype, seed):
    agrees(adamw_step, *inputs(40, seed, dtype), 5, lr=0.01, decay=0.1, with_=oracle)


def test_parameters_gradient_and_moments_of_different_dtypes(seed):
    p, g, m, v = inputs(40, seed)
    agrees(adamw_step, p, g.half(), m.bfloat16(), v, 5, lr=0.01, decay=0.1, with_=oracle)


@pytest.mark.parametrize("t", [0, -1])
def test_a_step_before_the_first_is_a_value_error(t, seed):
    agrees(adamw_step, *inputs(2, seed), t, with_=oracle)


def test_strides_and_no_parameters_make_no_difference(seed):
    agrees(adamw_step, *(strided(x.reshape(3, 4)) for x in inputs(12, seed)), 7, with_=oracle)
    agrees(adamw_step, *(torch.empty(0) for _ in range(4)), 7, with_=oracle)


@settings(max_examples=10)
@given(st.integers(1, 10_000), st.floats(0, 0.5), st.floats(0, 1), st.integers(0, 9))
def test_any_step_with_any_decay(t, lr, decay, seed):
    agrees(adamw_step, *inputs(3, seed), t, lr=lr, decay=decay, with_=oracle)
