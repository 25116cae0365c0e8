"""With residuals, one path has a slope of 1 through any depth."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch02_forward.residual_stack import residual_stack
from grader.checks import agrees, randn, strided
from reference.ch02_forward.residual_stack import residual_stack as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
both = pytest.mark.parametrize("residual", [True, False], ids=["with", "without"])


def weights(layers, d, seed, gain=1.0, dtype=torch.float32):
    """Square weights of Glorot's size times `gain`."""
    return (gain * randn(layers, d, d, seed=seed) / d**0.5).to(dtype)


def chain(*ws):
    """Layers of one number."""
    return torch.tensor(ws).reshape(-1, 1, 1)


@pytest.mark.card("residual-gradient-path")
def test_one_layer_of_one_number_by_hand():
    agrees(residual_stack, torch.tensor([[0.5]]), chain(1.0), with_=oracle, gives=([[0.9621]], [[1.7864]]))


@pytest.mark.card("residual-gradient-path")
def test_the_same_without_the_residual():
    agrees(residual_stack, torch.tensor([[0.5]]), chain(1.0), False, with_=oracle, gives=([[0.4621]], [[0.7864]]))


def test_two_layers_and_their_order():
    agrees(residual_stack, torch.tensor([[0.5]]), chain(1.0, -2.0), with_=oracle)
    agrees(residual_stack, torch.tensor([[0.5]]), chain(1.0, -2.0), False, with_=oracle)


@pytest.mark.card("residual-is-identity-first", "residual-gradient-path")
def test_weights_of_zero_pass_input_and_gradient_on():
    x, zeros = torch.tensor([[0.5, -2.0]]), torch.zeros(6, 2, 2)
    agrees(residual_stack, x, zeros, with_=oracle, gives=([[0.5, -2.0]], [[1.0, 1.0]]))


@pytest.mark.card("residual-is-identity-first")
def test_without_the_residual_they_pass_nothing_on():
    x, zeros = torch.tensor([[0.5, -2.0]]), torch.zeros(6, 2, 2)
    agrees(residual_stack, x, zeros, residual=False, with_=oracle, gives=([[0.0, 0.0]], [[0.0, 0.0]]))


@pytest.mark.card("residual-gradient-path", "no-residual-vanish-or-explode")
def test_ten_halves_without_the_residual_leave_a_thousandth():
    x = torch.tensor([[0.001]])
    agrees(residual_stack, x, chain(*[0.5] * 10), residual=False, with_=oracle, gives=([[0.0]], [[0.0010]]))


@pytest.mark.card("no-residual-vanish-or-explode")
def test_ten_twos_without_the_residual_make_a_thousand():
    x = torch.tensor([[1e-7]])
    agrees(residual_stack, x, chain(*[2.0] * 10), residual=False, with_=oracle, gives=([[0.0001]], [[1024.0]]))


@pytest.mark.card("no-residual-vanish-or-explode")
def test_a_rotation_keeps_the_gradient_without_the_residual():
    x, swap = torch.tensor([[0.001, -0.002]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    gives = ([[0.001, -0.002]], [[1.0, 1.0]])
    agrees(residual_stack, x, swap.expand(10, 2, 2).clone(), residual=False, with_=oracle, gives=gives)


@pytest.mark.card("residual-gradient-grows")
def test_ten_ones_with_the_residual_make_a_thousand():
    x = torch.tensor([[1e-7]])
    agrees(residual_stack, x, chain(*[1.0] * 10), with_=oracle, gives=([[0.0001]], [[1024.0]]))


@both
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_layers_in_every_dtype(dtype, residual, seed):
    x, ws = randn(3, 6, dtype=dtype, seed=seed), weights(4, 6, seed + 1, dtype=dtype)
    agrees(residual_stack, x, ws, residual, with_=oracle)


@both
def test_of_two_dtypes_that_of_the_input_is_kept(residual, seed):
    x, ws = randn(3, 6, seed=seed), weights(2, 6, seed + 1)
    agrees(residual_stack, x.bfloat16(), ws, residual, with_=oracle)
    agrees(residual_stack, x, ws.bfloat16(), residual, with_=oracle)


@both
def test_a_sample_for_each_number_hides_no_transpose(residual, seed):
    agrees(residual_stack, randn(4, 4, seed=seed), weights(3, 4, seed + 1), residual, with_=oracle)


@pytest.mark.card("residual-gradient-path")
@both
def test_eight_layers_of_half_size(residual, seed):
    agrees(residual_stack, randn(2, 8, seed=seed), weights(8, 8, seed + 1, gain=0.5), residual, with_=oracle)


def test_numbers_beyond_fp16_come_back_into_range(seed):
    x, ws = 300 * randn(2, 4, dtype=torch.float16, seed=seed), 300 * weights(2, 4, seed + 1, dtype=torch.float16)
    agrees(residual_stack, x, ws, with_=oracle)


def test_no_layers_and_no_samples(seed):
    agrees(residual_stack, randn(2, 3, seed=seed), torch.empty(0, 3, 3), with_=oracle)
    agrees(residual_stack, torch.empty(0, 3), weights(2, 3, seed), with_=oracle)


@both
def test_strides_make_no_difference(residual, seed):
    agrees(residual_stack, strided(randn(3, 4, seed=seed)), strided(weights(2, 4, seed + 1)), residual, with_=oracle)


@settings(max_examples=8)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 3), st.booleans(), st.integers(0, 99))
def test_any_stack(n, d, layers, residual, seed):
    agrees(residual_stack, randn(n, d, seed=seed), weights(layers, d, seed + 1), residual, with_=oracle)
