"""A step of Adam: two running means, corrected for their start at zero."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch04_optimization.adam_step import adam_step
from grader.checks import agrees, randn, strided
from reference.ch04_optimization.adam_step import adam_step as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def inputs(n, seed, dtype=torch.float32, moments=torch.float32):
    """Parameters, gradient and moments as they may be in the middle of a run."""
    p, g, m = (randn(n, dtype=dtype, seed=seed + i) for i in range(3))
    return p, g, (0.3 * m.float()).to(moments), (randn(n, seed=seed + 3) ** 2).to(moments)


@pytest.mark.card("adams-first-step")
def test_the_first_step_by_hand():
    p, g, zero = torch.tensor([1.0]), torch.tensor([0.5]), torch.zeros(1)
    agrees(adam_step, p, g, zero, zero.clone(), 1, lr=0.1, with_=oracle, gives=([0.9], [0.05], [0.00025]))


@pytest.mark.card("adams-first-step")
def test_the_first_step_is_lr_whatever_the_gradient():
    p, g, m, v = torch.zeros(3), torch.tensor([0.001, 1.0, -1000.0]), torch.zeros(3), torch.zeros(3)
    gives = ([-0.1, -0.1, 0.1], [0.0001, 0.1, -100.0], [0.0, 0.001, 1000.0])
    agrees(adam_step, p, g, m, v, 1, lr=0.1, with_=oracle, gives=gives)


def test_the_second_step_of_a_gradient_that_turned():
    # m' = 0.9·0.1 − 0.1 = −0.01 over 1 − 0.81; v' = 0.001999 over 1 − 0.998001, so √v̂ = 1
    p, g, m, v = torch.tensor([0.9]), torch.tensor([-1.0]), torch.tensor([0.1]), torch.tensor([0.001])
    agrees(adam_step, p, g, m, v, 2, lr=0.1, with_=oracle, gives=([0.9053], [-0.01], [0.001999]))


@pytest.mark.parametrize("t", [1, 2, 10, 1000, 100_000])
def test_any_step_of_a_run(t, seed):
    agrees(adam_step, *inputs(20, seed), t, lr=0.1, betas=(0.8, 0.95), with_=oracle)


def test_a_large_eps_shortens_ordinary_steps(seed):
    agrees(adam_step, *inputs(20, seed), 5, lr=0.1, eps=0.1, with_=oracle)


@pytest.mark.parametrize("t", [1, 3])
def test_gradients_as_small_as_eps(t):
    g = torch.tensor([1e-7, -1e-7, 3e-8, 1e-6])
    agrees(adam_step, torch.zeros(4), g, (t - 1) * 0.1 * g, (t - 1) * 0.001 * g * g, t, lr=0.1, with_=oracle)


def test_a_parameter_without_gradients_stays_where_it_is():
    p, zero = torch.tensor([1.5, -2.0]), torch.zeros(2)
    gives = ([1.5, -2.0], [0.0, 0.0], [0.0, 0.0])
    agrees(adam_step, p, zero, zero.clone(), zero.clone(), 1, with_=oracle, gives=gives)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_moments_of_the_same_dtype(dtype, seed):
    agrees(adam_step, *inputs(40, seed, dtype, dtype), 5, lr=0.5, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_moments_in_float32_beside_narrow_parameters(dtype, seed):
    agrees(adam_step, *inputs(40, seed, dtype), 5, lr=0.5, with_=oracle)


def test_parameters_gradient_and_moments_of_different_dtypes(seed):
    p, g, m, v = inputs(40, seed)
    agrees(adam_step, p, g.half(), m.bfloat16(), v, 5, lr=0.5, with_=oracle)


def test_gradients_whose_square_leaves_fp16():
    p, g = torch.zeros(4).half(), torch.tensor([300.0, -6e4, 1e-4, 1e-6]).half()
    agrees(adam_step, p, g, torch.zeros(4), torch.zeros(4), 1, lr=0.5, with_=oracle)


@pytest.mark.parametrize("t", [0, -1])
def test_a_step_before_the_first_is_a_value_error(t, seed):
    agrees(adam_step, *inputs(2, seed), t, with_=oracle)


def test_strides_scalars_and_no_parameters_make_no_difference(seed):
    agrees(adam_step, *(strided(x.reshape(3, 4)) for x in inputs(12, seed)), 7, with_=oracle)
    agrees(adam_step, *(x.reshape(()) for x in inputs(1, seed)), 7, with_=oracle)
    agrees(adam_step, *(torch.empty(0) for _ in range(4)), 7, with_=oracle)


@settings(max_examples=10)
@given(st.integers(1, 10_000), st.floats(0.1, 0.95), st.floats(0.1, 0.999), st.integers(0, 9))
def test_any_step_with_any_betas(t, beta_1, beta_2, seed):
    agrees(adam_step, *inputs(3, seed), t, lr=0.01, betas=(beta_1, beta_2), with_=oracle)
