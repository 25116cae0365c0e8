"""The fewest tokens that reach the mass."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch09_decoding.top_p import top_p
from grader.checks import agrees, exact, randn, strided
from reference.ch09_decoding.top_p import top_p as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
FOUR = torch.tensor([0.125, 0.5, 0.125, 0.25])


def probabilities(*shape, dtype=torch.float32, seed=0, spread=2.0):
    return torch.softmax(spread * randn(*shape, seed=seed), -1).to(dtype)


@pytest.mark.card("top-p-keeps-the-crossing-token")
def test_two_of_four_reach_six_tenths_by_hand():
    agrees(top_p, FOUR, 0.6, with_=oracle, gives=[0.0, 0.6667, 0.0, 0.3333])


@pytest.mark.card("top-p-keeps-the-crossing-token")
def test_to_reach_is_enough():
    exact(top_p, torch.tensor([5, 3, 3, 3, 2]) / 16, 0.5, with_=oracle, gives=[0.625, 0.375, 0, 0, 0])
    exact(top_p, FOUR, 0.5, with_=oracle, gives=[0, 1, 0, 0])
    exact(top_p, torch.tensor([1, 1, 1, 1]) / 4, 0.5, with_=oracle, gives=[0.5, 0.5, 0, 0])
    agrees(top_p, torch.tensor([0.5009, 0.2504, 0.2487]), 0.751, with_=oracle, gives=[0.6667, 0.3333, 0])
    agrees(top_p, torch.tensor([0.25, 0.125, 0.125]), 0.5, with_=oracle, gives=[0.5, 0.25, 0.25])


@pytest.mark.card("top-p-is-never-empty")
@pytest.mark.parametrize("mass", [0.0, 0.01, 0.3])
def test_one_token_always_stays(mass):
    agrees(top_p, torch.tensor([[0.2, 0.7, 0.1], [0.4, 0.35, 0.25]]), mass, with_=oracle, gives=[[0, 1, 0], [1, 0, 0]])


def test_the_lower_id_of_equals_is_in():
    exact(top_p, torch.tensor([0.125, 0.25, 0.25, 0.25, 0.125]), 0.375, with_=oracle, gives=[0, 0.5, 0.5, 0, 0])
    exact(top_p, torch.tensor([0.25, 0.25, 0.25, 0.25]), 0.2, with_=oracle, gives=[1, 0, 0, 0])


@pytest.mark.card("top-p-adapts")
def test_a_sure_row_keeps_one_token_and_an_unsure_row_many():
    sure = [0.93, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01]
    unsure = [0.16, 0.15, 0.14, 0.13, 0.12, 0.11, 0.1, 0.09]
    agrees(top_p, torch.tensor([sure, unsure]), 0.9, with_=oracle)
    agrees(top_p, torch.tensor([unsure, sure]), 0.7, with_=oracle)


@pytest.mark.parametrize("mass", [0.35, 0.8, 0.95])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_row_keeps_its_own_nucleus(dtype, mass, seed):
    agrees(top_p, probabilities(3, 37, dtype=dtype, seed=seed), mass, with_=oracle)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_many_small_probabilities_are_added_in_float32(dtype, seed):
    agrees(top_p, probabilities(700, dtype=dtype, seed=seed, spread=0.5), 0.9, with_=oracle)


def test_mass_one_keeps_all(seed):
    agrees(top_p, probabilities(2, 6, seed=seed), 1.0, with_=oracle)
    agrees(top_p, torch.tensor([0.25, 0.125, 0.25]), 1.0, with_=oracle, gives=[0.4, 0.2, 0.4])


@pytest.mark.parametrize("mass", [-0.1, 1.5])
def test_a_mass_that_is_no_share_is_a_value_error(mass):
    agrees(top_p, FOUR, mass, with_=oracle)


def test_strides_more_axes_and_empty_batches(seed):
    agrees(top_p, strided(probabilities(2, 3, 5, seed=seed)), 0.7, with_=oracle)
    agrees(top_p, probabilities(2, 1, 5, seed=seed), 0.7, with_=oracle)
    agrees(top_p, torch.empty(0, 7), 0.7, with_=oracle)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=7), st.integers(0, 256))
def test_any_weights_with_any_mass(weights, mass):
    p = torch.tensor([*weights, 256 - sum(weights)]) / 256
    agrees(top_p, p, mass / 256, with_=oracle)
