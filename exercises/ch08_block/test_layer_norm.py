"""Mean 0, variance 1, then gain and bias."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch08_block.layer_norm import layer_norm
from grader.checks import agrees, randn, signal, strided
from reference.ch08_block.layer_norm import layer_norm as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def gain_and_bias(n, seed, dtype=torch.float32):
    return (1 + 0.5 * randn(n, seed=seed + 1)).to(dtype), randn(n, seed=seed + 2, dtype=dtype)


@pytest.mark.card("layer-norm-formula")
def test_four_numbers_by_hand():
    x = torch.tensor([1.0, 2.0, 3.0, 6.0])
    gain, bias = torch.tensor([1.0, 1.0, 1.0, 2.0]), torch.tensor([0.0, 0.0, 0.0, 10.0])
    agrees(layer_norm, x, gain, bias, with_=oracle, gives=[-1.0690, -0.5345, 0.0, 13.2071])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_token_by_its_own_mean_and_variance(dtype, seed):
    agrees(layer_norm, randn(2, 1, 3, 16, dtype=dtype, seed=seed), *gain_and_bias(16, seed, dtype), with_=oracle)


def test_the_result_has_the_dtype_of_x_whatever_gain_and_bias_have(seed):
    x, (gain, bias) = randn(3, 32, seed=seed), gain_and_bias(32, seed)
    agrees(layer_norm, x.bfloat16(), gain.bfloat16(), bias.bfloat16(), with_=oracle)
    agrees(layer_norm, x.bfloat16(), gain, bias, with_=oracle)
    agrees(layer_norm, x, gain.bfloat16(), bias.half(), with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["large", "tiny", "offset", "huge", "uneven"])
def test_values_of_every_size(kind, dtype, seed):
    agrees(layer_norm, signal(kind, 3, 37, dtype=dtype, seed=seed), *gain_and_bias(37, seed, dtype), with_=oracle)


def test_equal_numbers_give_the_bias():
    gain, bias = torch.ones(3), torch.tensor([0.0, 1.0, 2.0])
    x = torch.tensor([[5.0, 5.0, 5.0], [0.0, 0.0, 0.0]])
    agrees(layer_norm, x, gain, bias, with_=oracle, gives=[[0.0, 1.0, 2.0]] * 2)


@pytest.mark.parametrize("eps", [1e-12, 1e-2, 1.0])
def test_eps_is_added_to_the_variance(eps, seed):
    agrees(layer_norm, 0.1 * randn(2, 8, seed=seed), *gain_and_bias(8, seed), eps=eps, with_=oracle)


def test_strides_and_empty_batches_make_no_difference(seed):
    agrees(layer_norm, torch.empty(0, 4), *gain_and_bias(4, seed), with_=oracle)
    agrees(layer_norm, strided(randn(3, 1, 8, seed=seed)), *map(strided, gain_and_bias(8, seed)), with_=oracle)


@settings(max_examples=8)
@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=9), st.integers(0, 9))
def test_any_vector(numbers, seed):
    agrees(layer_norm, torch.tensor(numbers), *gain_and_bias(len(numbers), seed), with_=oracle)
