"""A velocity of fading gradients, and a step that subtracts it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch04_optimization.sgd_momentum_step import sgd_momentum_step
from grader.checks import agrees, randn, strided
from reference.ch04_optimization.sgd_momentum_step import sgd_momentum_step as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def test_one_step_by_hand():
    p, g, v = torch.tensor([1.0]), torch.tensor([0.5]), torch.tensor([2.0])
    agrees(sgd_momentum_step, p, g, v, 0.1, momentum=0.8, with_=oracle, gives=([0.79], [2.1]))


def test_the_first_step_is_plain_descent():
    p, g, v = torch.tensor([1.0, -1.0]), torch.tensor([0.5, 0.25]), torch.zeros(2)
    agrees(sgd_momentum_step, p, g, v, 0.2, with_=oracle, gives=([0.9, -1.05], [0.5, 0.25]))


def test_under_a_constant_gradient_a_step_grows_to_ten_times_the_first():
    p, g, v = torch.tensor([1.0]), torch.tensor([1.0]), torch.tensor([10.0])
    agrees(sgd_momentum_step, p, g, v, 0.01, momentum=0.9, with_=oracle, gives=([0.9], [10.0]))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_rounds_once(dtype, seed):
    p, g, v = (randn(40, dtype=dtype, seed=seed + i) for i in range(3))
    agrees(sgd_momentum_step, p, g, v, 0.3, momentum=0.7, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_a_velocity_in_float32_beside_narrow_parameters(dtype, seed):
    p, g, v = (randn(40, dtype=dtype, seed=seed + i) for i in range(3))
    agrees(sgd_momentum_step, p, g, v.float(), 0.3, momentum=0.7, with_=oracle)


def test_a_narrow_gradient_beside_wide_parameters(seed):
    p, g, v = (randn(2, 1, 9, seed=seed + i) for i in range(3))
    agrees(sgd_momentum_step, p, g.bfloat16(), v, 0.3, momentum=0.7, with_=oracle)


def test_a_velocity_beyond_fp16_still_moves_the_parameters():
    p, g, v = torch.tensor([1.0]).half(), torch.tensor([6e4]).half(), torch.tensor([6e4]).half()
    agrees(sgd_momentum_step, p, g, v, 1e-3, with_=oracle)  # 0.9 · 60,000 + 60,000 = 114,000, times lr 114


def test_any_shape_and_strides(seed):
    p, g, v = (randn(3, 4, 2, seed=seed + i) for i in range(3))
    agrees(sgd_momentum_step, strided(p), strided(g), strided(v), 0.1, with_=oracle)
    agrees(sgd_momentum_step, torch.tensor(2.0), torch.tensor(1.0), torch.tensor(-1.0), 0.5, with_=oracle)
    agrees(sgd_momentum_step, torch.empty(0), torch.empty(0), torch.empty(0), 0.1, with_=oracle)


@given(
    st.lists(st.tuples(*[st.floats(-1e3, 1e3, width=32)] * 3), min_size=1, max_size=5),
    st.floats(0, 1),
    st.floats(0.1, 0.999),
)
def test_any_step(columns, lr, momentum):
    p, g, v = torch.tensor(columns).T.contiguous()
    agrees(sgd_momentum_step, p, g, v, lr, momentum=momentum, with_=oracle)
