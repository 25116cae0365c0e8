"""Only the scale is removed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch08_block.rms_norm import rms_norm
from grader.checks import agrees, randn, signal, strided
from reference.ch08_block.rms_norm import rms_norm as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def gain(n, seed, dtype=torch.float32):
    return (1 + 0.5 * randn(n, seed=seed + 1)).to(dtype)


@pytest.mark.card("rms-norm-formula")
def test_four_numbers_by_hand():
    x, by = torch.tensor([1.0, -1.0, 3.0, 5.0]), torch.tensor([1.0, 1.0, 1.0, 2.0])
    agrees(rms_norm, x, by, with_=oracle, gives=[0.3333, -0.3333, 1.0, 3.3333])


@pytest.mark.card("rms-norm-formula")
def test_the_mean_stays():
    x = torch.tensor([[1.0, 1.0], [3.0, 3.0], [-7.0, -7.0]])
    agrees(rms_norm, x, torch.ones(2), with_=oracle, gives=[[1.0, 1.0], [1.0, 1.0], [-1.0, -1.0]])


@pytest.mark.card("norms-reset-the-scale")
def test_a_token_a_thousand_times_as_large_gives_the_same():
    x = torch.tensor([1.0, -2.0, 2.0, 4.0])
    gives = [[0.4, -0.8, 0.8, 1.6]] * 3
    agrees(rms_norm, torch.stack([x, 1000 * x, 1e6 * x]), torch.ones(4), with_=oracle, gives=gives)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_token_by_its_own_scale(dtype, seed):
    agrees(rms_norm, randn(2, 1, 3, 16, dtype=dtype, seed=seed), gain(16, seed, dtype), with_=oracle)


def test_the_result_has_the_dtype_of_x_whatever_the_gain_has(seed):
    x, by = randn(3, 32, seed=seed), gain(32, seed)
    agrees(rms_norm, x.bfloat16(), by.bfloat16(), with_=oracle)
    agrees(rms_norm, x.bfloat16(), by, with_=oracle)
    agrees(rms_norm, x, by.bfloat16(), with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["large", "tiny", "offset", "huge", "uneven", "zeros"])
def test_values_of_every_size(kind, dtype, seed):
    agrees(rms_norm, signal(kind, 3, 37, dtype=dtype, seed=seed), gain(37, seed, dtype), with_=oracle)


def test_squares_beyond_fp16_do_no_harm():
    agrees(rms_norm, torch.tensor([300.0, 400.0]).half(), torch.ones(2).half(), with_=oracle)


@pytest.mark.parametrize("eps", [1e-12, 1e-2, 1.0])
def test_eps_is_added_to_the_mean_of_the_squares(eps, seed):
    agrees(rms_norm, 0.1 * randn(2, 8, seed=seed), gain(8, seed), eps=eps, with_=oracle)


def test_strides_and_empty_batches_make_no_difference(seed):
    agrees(rms_norm, strided(randn(3, 1, 8, seed=seed)), strided(gain(8, seed)), with_=oracle)
    agrees(rms_norm, torch.empty(0, 4), gain(4, seed), with_=oracle)


@settings(max_examples=8)
@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=9), st.integers(0, 9))
def test_any_vector(numbers, seed):
    agrees(rms_norm, torch.tensor(numbers), gain(len(numbers), seed), with_=oracle)
