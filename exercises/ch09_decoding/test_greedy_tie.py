"""The same sum in another order."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch09_decoding.greedy_tie import greedy_tie
from grader.checks import exact, randn, seeded, strided
from reference.ch09_decoding.greedy_tie import greedy_tie as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def near_ties(vocab, n, dtype, seed):
    """Rows that hold the same numbers: in exact arithmetic all logits are equal."""
    numbers = randn(n, dtype=dtype, seed=seed)
    return torch.stack([numbers[torch.randperm(n, generator=seeded(seed + i))] for i in range(vocab)])


def shuffles(n, count, seed):
    return [torch.randperm(n, generator=seeded(100 * seed + i)).tolist() for i in range(count)]


@pytest.mark.card("greedy-hangs-on-the-order")
def test_two_orders_pick_two_tokens():
    terms = torch.tensor([[2048.0, 0.0, 0.0], [2048.0, 1.0, 1.0]]).half()
    exact(greedy_tie, terms, [[0, 1, 2], [1, 2, 0]], with_=oracle, gives=[0, 1])


@pytest.mark.card("greedy-hangs-on-the-order")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_logits_that_are_equal_but_for_rounding(dtype, seed):
    exact(greedy_tie, near_ties(6, 40, dtype, seed), shuffles(40, 8, seed), with_=oracle)


@pytest.mark.card("greedy-needs-a-near-tie")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_clear_lead_survives_every_order(dtype, seed):
    terms = randn(5, 24, dtype=dtype, seed=seed)
    terms[3] += 3  # 72 in all, ten standard deviations of what the others differ by
    exact(greedy_tie, terms, shuffles(24, 6, seed), with_=oracle, gives=[3] * 6)


def test_equal_logits_go_to_the_lowest_id():
    terms = torch.tensor([[1.0, 1.0, 0.0], [0.5, 1.5, 1.0], [3.0, 0.0, 0.0]])
    exact(greedy_tie, terms, [[0, 1, 2], [2, 1, 0]], with_=oracle, gives=[1, 1])


def test_a_small_term_counts_if_it_comes_before_the_large_one():
    terms = torch.tensor([[0.5, 4096.0, 0.5, 1.0, 1.0], [0.0, 4096.0, 1.0, 0.0, 0.0]]).half()
    exact(greedy_tie, terms, [[1, 0, 2, 3, 4], [0, 2, 3, 4, 1], [3, 4, 1, 0, 2]], with_=oracle)
    exact(greedy_tie, terms.flip(0), [[1, 0, 2, 3, 4], [0, 2, 3, 4, 1], [3, 1, 4, 0, 2]], with_=oracle)


def test_terms_that_cancel():
    terms = torch.tensor([[4096.0, 1.0, -4096.0, 0.0], [0.0, 0.5, 0.0, 0.0]]).half()
    exact(greedy_tie, terms, [[0, 1, 2, 3], [0, 2, 1, 3], [1, 3, 2, 0]], with_=oracle)


@pytest.mark.parametrize("order", [[0, 1], [0, 1, 1], [1, 2, 3], [0, 1, 2, 2], [0, 1, -1]])
def test_an_order_that_is_none_is_a_value_error(order):
    exact(greedy_tie, torch.eye(3), [[0, 1, 2], order], with_=oracle)


def test_strides_no_orders_and_a_single_token(seed):
    exact(greedy_tie, strided(near_ties(4, 9, torch.float16, seed)), shuffles(9, 3, seed), with_=oracle)
    exact(greedy_tie, torch.eye(3), [], with_=oracle)
    exact(greedy_tie, torch.ones(1, 3), [[2, 0, 1]], with_=oracle)


@given(st.integers(1, 5), st.integers(1, 20), st.integers(0, 99))
def test_any_near_ties_in_any_orders(vocab, n, seed):
    exact(greedy_tie, near_ties(vocab, n, torch.bfloat16, seed), shuffles(n, 3, seed), with_=oracle)
