"""The gradient of each layer, from the first to the last."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch08_block.gradient_by_depth import gradient_by_depth
from grader.checks import agrees, randn, strided
from reference.ch08_block.gradient_by_depth import gradient_by_depth as oracle


def stack(layers, n, d, seed, size=1.0):
    """Tokens, weights that give a branch as large as its input (times `size`), and a probe."""
    return randn(n, d, seed=seed), size * randn(layers, d, d, seed=seed + 1) / d**0.5, randn(n, d, seed=seed + 2)


@pytest.mark.parametrize("pre_norm, gives", [(True, [0.8284]), (False, [0.7071])])
def test_one_layer_by_hand(pre_norm, gives):
    x, probe, weights = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    agrees(gradient_by_depth, x, weights, probe, pre_norm, with_=oracle, gives=gives)


@pytest.mark.parametrize("pre_norm", [True, False])
def test_a_few_layers(pre_norm, seed):
    agrees(gradient_by_depth, *stack(3, 4, 6, seed), pre_norm, with_=oracle)


@pytest.mark.card("residual-carries-the-gradient")
@pytest.mark.parametrize("pre_norm, each", [(True, 2.0), (False, 1.4142)])
def test_where_the_branches_are_zero_every_layer_gets_the_same_gradient(pre_norm, each):
    x, probe = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    agrees(gradient_by_depth, x, torch.zeros(5, 2, 2), probe, pre_norm, with_=oracle, gives=[each] * 5)


@pytest.mark.card("gradient-by-number-of-layers", "pre-norm-leaves-the-stream-alone")
@pytest.mark.parametrize("layers", [2, 8])
@pytest.mark.parametrize("pre_norm", [True, False])
def test_shallow_and_deep_stacks(pre_norm, layers, seed):
    agrees(gradient_by_depth, *stack(layers, 4, 16, seed), pre_norm, with_=oracle)


@pytest.mark.parametrize("pre_norm", [True, False])
def test_small_branches_and_large_tokens(pre_norm, seed):
    x, weights, probe = stack(4, 3, 8, seed, 0.1)
    agrees(gradient_by_depth, 5 * x, weights, probe, pre_norm, with_=oracle)


@pytest.mark.parametrize("pre_norm", [True, False])
def test_strides_make_no_difference(pre_norm, seed):
    agrees(gradient_by_depth, *map(strided, stack(2, 3, 4, seed)), pre_norm, with_=oracle)


def test_one_channel(seed):
    x, weights, probe = stack(2, 3, 1, seed, 1e-3)
    agrees(gradient_by_depth, 1e-3 * x, weights, probe, True, with_=oracle)


@settings(max_examples=5)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(2, 6), st.booleans(), st.integers(0, 99))
def test_any_stack(layers, n, d, pre_norm, seed):
    agrees(gradient_by_depth, *stack(layers, n, d, seed), pre_norm, with_=oracle)
