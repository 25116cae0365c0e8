"""A unit that is zero on every sample gets no gradient."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch02_forward.dead_units import dead_units
from grader.checks import agrees, randn, strided
from reference.ch02_forward.dead_units import dead_units as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def one_unit(x, w, b, dtype=torch.float32):
    return torch.tensor(x, dtype=dtype), torch.tensor([w], dtype=dtype), torch.tensor([b], dtype=dtype)


def test_two_samples_and_three_units_by_hand():
    w, b = torch.tensor([[1.0, 0.0], [-1.0, -1.0], [1.0, 1.0]]), torch.tensor([0.0, 0.0, -1.0])
    agrees(dead_units, torch.eye(2), w, b, with_=oracle, gives=[False, True, True])


@pytest.mark.card("dead-relu-unit")
def test_one_sample_above_zero_keeps_a_unit_alive():
    x = torch.tensor([[-9.0], [-8.0], [0.5]])
    agrees(dead_units, x, torch.tensor([[1.0], [-1.0]]), torch.tensor([0.0, -9.5]), with_=oracle, gives=[False, True])


@pytest.mark.card("dead-on-this-data")
def test_a_unit_that_is_dead_on_one_batch_fires_on_another():
    agrees(dead_units, *one_unit([[1.0], [2.0]], [1.0], -3.0), with_=oracle, gives=[True])
    agrees(dead_units, *one_unit([[1.0], [4.0]], [1.0], -3.0), with_=oracle, gives=[False])


@pytest.mark.card("dead-relu-unit")
def test_a_bias_of_minus_100_kills_every_unit_and_a_large_one_none(seed):
    x, w = randn(7, 5, seed=seed), randn(4, 5, seed=seed + 1)
    agrees(dead_units, x, w, torch.tensor([-100.0, 100.0, -100.0, 0.0]), with_=oracle)


def test_a_row_of_negative_weights_fires_on_negative_inputs():
    agrees(dead_units, *one_unit([[-1.0, -2.0]], [-1.0, -1.0], 0.0), with_=oracle, gives=[False])


def test_a_tiny_output_is_not_zero():
    agrees(dead_units, *one_unit([[1e-6]], [1.0], 0.0), with_=oracle, gives=[False])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_layer_in_every_dtype(dtype, seed):
    w, b = randn(12, 6, dtype=dtype, seed=seed + 1), 3 * randn(12, dtype=dtype, seed=seed + 2) - 2
    agrees(dead_units, randn(5, 6, dtype=dtype, seed=seed), w, b, with_=oracle)


def test_what_16_bits_would_round_to_zero_fires():
    agrees(dead_units, *one_unit([[256.0, 1.0]], [1.0, 1.0], -256.0, torch.bfloat16), with_=oracle, gives=[False])
    agrees(dead_units, *one_unit([[1e-4]], [1e-4], 0.0, torch.float16), with_=oracle, gives=[False])


def test_of_sentences_every_token_is_a_sample(seed):
    x, b = randn(2, 3, 4, seed=seed), torch.tensor([0.0, -6.0, -2.0, 1.0, -30.0])
    agrees(dead_units, x, randn(5, 4, seed=seed + 1), b, with_=oracle)


def test_a_single_vector_is_one_sample(seed):
    agrees(dead_units, torch.tensor([1.0, 0.0]), torch.eye(2), torch.zeros(2), with_=oracle, gives=[False, True])
    agrees(dead_units, randn(4, seed=seed), randn(6, 4, seed=seed + 1), randn(6, seed=seed + 2), with_=oracle)


def test_with_no_samples_every_unit_is_dead(seed):
    x, w, b = torch.empty(0, 3), randn(4, 3, seed=seed), randn(4, seed=seed)
    agrees(dead_units, x, w, b, with_=oracle, gives=[True] * 4)


def test_strides_make_no_difference(seed):
    x, w, b = (strided(randn(*s, seed=seed + i)) for i, s in enumerate([(2, 3, 4), (5, 4), (5,)]))
    agrees(dead_units, x, w, b - 2, with_=oracle)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))
def test_any_layer_of_small_integers(samples, d_in, units, seed):
    x, w, b = (randn(*s, seed=seed + i).round() for i, s in enumerate([(samples, d_in), (units, d_in), (units,)]))
    agrees(dead_units, x, w, b - 1, with_=oracle)
