"""The k most likely tokens, no more and no fewer."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch09_decoding.top_k import top_k
from grader.checks import agrees, exact, randn, strided
from reference.ch09_decoding.top_k import top_k as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def probabilities(*shape, dtype=torch.float32, seed=0, spread=2.0):
    return torch.softmax(spread * randn(*shape, seed=seed), -1).to(dtype)


def test_two_of_four_by_hand():
    agrees(top_k, torch.tensor([0.1, 0.5, 0.1, 0.3]), 2, with_=oracle, gives=[0.0, 0.625, 0.0, 0.375])


def test_probabilities_that_differ_in_the_fourth_digit():
    agrees(top_k, torch.tensor([0.3, 0.3002, 0.3001, 0.0997]), 1, with_=oracle, gives=[0, 1, 0, 0])


@pytest.mark.card("top-k-ties")
def test_the_lower_id_wins_a_tie_and_k_are_left():
    exact(top_k, torch.tensor([0.25, 0.25, 0.25, 0.25]), 2, with_=oracle, gives=[0.5, 0.5, 0, 0])
    exact(top_k, torch.tensor([0.125, 0.25, 0.25, 0.25, 0.125]), 2, with_=oracle, gives=[0, 0.5, 0.5, 0, 0])


@pytest.mark.card("top-k-ties")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_makes_ties_of_near_equals(dtype):
    logits = torch.linspace(20.0, 20.1, 8).to(dtype)
    exact(top_k, torch.softmax(logits.float(), -1).to(dtype), 4, with_=oracle)


@pytest.mark.card("top-k-is-blind")
def test_k_is_the_same_for_a_peak_and_a_plain():
    peak, plain = [0.96, 0.01, 0.01, 0.01, 0.01], [0.2, 0.2, 0.2, 0.2, 0.2]
    agrees(top_k, torch.tensor([peak, plain])[:, [1, 0, 2, 3, 4]], 1, with_=oracle)
    agrees(top_k, torch.tensor([[0.9, 0.06, 0.04], [0.35, 0.33, 0.32]]), 2, with_=oracle)


@pytest.mark.parametrize("k", [1, 5, 36])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_row_keeps_its_own_k(dtype, k, seed):
    agrees(top_k, probabilities(3, 37, dtype=dtype, seed=seed), k, with_=oracle)


@pytest.mark.parametrize("k", [6, 7, 1000])
def test_with_k_of_n_or_more_all_are_kept(k, seed):
    agrees(top_k, probabilities(2, 6, seed=seed), k, with_=oracle)
    agrees(top_k, torch.tensor([1.0, 3.0]), k, with_=oracle, gives=[0.25, 0.75])


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_a_value_error(k):
    agrees(top_k, torch.tensor([0.5, 0.5]), k, with_=oracle)


def test_strides_more_axes_and_empty_batches(seed):
    agrees(top_k, strided(probabilities(2, 3, 5, seed=seed)), 2, with_=oracle)
    agrees(top_k, probabilities(2, 1, 5, seed=seed), 2, with_=oracle)
    agrees(top_k, torch.empty(0, 7), 3, with_=oracle)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=7), st.integers(1, 8))
def test_any_weights_with_any_k(weights, k):
    agrees(top_k, torch.tensor([*weights, 16 * 16 - sum(weights)]) / 256, k, with_=oracle)
