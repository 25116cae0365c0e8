"""Hidden keys get no weight, and the visible keys share all of it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch07_attention.apply_mask import apply_mask
from grader.checks import agrees, randn, signal, strided
from reference.ch07_attention.apply_mask import apply_mask as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def some(*shape, seed):
    """A mask that hides about a third, but never the first key."""
    hidden = randn(*shape, seed=seed + 50) > 0.4
    hidden[..., 0] = False
    return hidden


@pytest.mark.card("mask-before-softmax")
def test_three_rows_by_hand():
    scores = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
    hidden = torch.tensor([[False, False, True], [False, True, True], [False, False, False]])
    shares = [[0.2689, 0.7311, 0], [1, 0, 0], [0.09, 0.2447, 0.6652]]
    agrees(apply_mask, scores, hidden, with_=oracle, gives=shares)


@pytest.mark.card("cat-weights")
def test_cat_sees_the_cat_sat_without_a_mask_and_not_sat_with_one():
    cat = torch.tensor([[2.1, 6.5, 3.4]])
    all_seen, sat_hidden = torch.tensor([[False, False, False]]), torch.tensor([[False, False, True]])
    agrees(apply_mask, cat, all_seen, with_=oracle, gives=[[0.0116, 0.9458, 0.0426]])
    agrees(apply_mask, cat, sat_hidden, with_=oracle, gives=[[0.0121, 0.9879, 0]])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["ordinary", "large", "peaked"])
def test_scores_of_every_size(kind, dtype, seed):
    agrees(apply_mask, signal(kind, 6, 19, dtype=dtype, seed=seed), some(6, 19, seed=seed), with_=oracle)


def test_visible_scores_may_be_lower_than_any_stand_in_for_minus_infinity():
    agrees(apply_mask, torch.tensor([[-3e9, 0.0]]), torch.tensor([[False, True]]), with_=oracle, gives=[[1, 0]])
    scores = torch.tensor([[-20000.0, -20001.0, 3.0, 1.0]])
    agrees(
        apply_mask,
        scores,
        torch.tensor([[False, False, True, True]]),
        with_=oracle,
        gives=[[0.7311, 0.2689, 0, 0]],
    )


@pytest.mark.card("mask-before-softmax")
def test_a_large_hidden_score_takes_nothing_from_the_visible_ones():
    scores = torch.tensor([[1.0, 2.0, 500.0]])
    agrees(apply_mask, scores, torch.tensor([[False, False, True]]), with_=oracle, gives=[[0.2689, 0.7311, 0]])


@pytest.mark.parametrize("rubbish", [torch.inf, torch.nan], ids=str)
def test_what_a_hidden_score_holds_makes_no_difference(rubbish):
    scores = torch.tensor([[1.0, rubbish, 2.0], [0.5, rubbish, rubbish]])
    hidden = torch.tensor([[False, True, False], [False, True, True]])
    agrees(apply_mask, scores, hidden, with_=oracle)


@pytest.mark.card("hidden-row-gives-zeros")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_row_that_is_hidden_entirely_gives_zeros(dtype):
    scores = torch.tensor([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]]).to(dtype)
    hidden = torch.tensor([[True, True, True], [False, False, True]])
    agrees(apply_mask, scores, hidden, with_=oracle)


@pytest.mark.parametrize("shape", [(4, 7), (2, 1, 1, 7), (2, 1, 4, 7), (7,), (2, 3, 4, 7)], ids=str)
def test_one_mask_serves_all_heads_or_all_queries(shape, seed):
    agrees(apply_mask, randn(2, 3, 4, 7, seed=seed), some(*shape, seed=seed), with_=oracle)


def test_strides_and_empty_batches_make_no_difference(seed):
    agrees(apply_mask, strided(randn(1, 3, 5, seed=seed)), strided(some(3, 5, seed=seed)), with_=oracle)
    agrees(apply_mask, torch.empty(0, 3, 5), some(3, 5, seed=seed), with_=oracle)


@given(st.lists(st.tuples(st.floats(-9e3, 9e3, width=32), st.booleans()), min_size=1, max_size=9))
def test_any_row_with_any_mask(pairs):
    scores, hidden = zip(*pairs, strict=True)
    agrees(apply_mask, torch.tensor([scores]), torch.tensor([hidden]), with_=oracle)
