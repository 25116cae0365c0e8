"""Softmax survives large scores."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch06_numerics.softmax import softmax
from grader.checks import KINDS, agrees, randn, signal, strided
from reference.ch06_numerics.softmax import softmax as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.card("softmax-overflow-symptom")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_scores_of_twelve_do_not_overflow(dtype):
    agrees(softmax, torch.tensor([12.0, 11.0, 10.0]).to(dtype), with_=oracle)


@pytest.mark.card("softmax-subtract-max")
def test_equal_scores_share_the_probability_however_large_they_are():
    agrees(softmax, torch.tensor([1000.0, 1000.0]), with_=oracle, gives=[0.5, 0.5])


@pytest.mark.card("softmax-subtract-max")
def test_rows_that_differ_by_a_shift_give_the_same_probabilities():
    rows = torch.tensor([[0.0, 1.0], [12.0, 13.0], [100.0, 101.0], [900.0, 901.0]]).half()
    agrees(softmax, rows, with_=oracle, gives=[[0.2689, 0.7311]] * 4)


@pytest.mark.card("softmax-subtract-max")
def test_scores_far_below_zero_are_not_hidden_ones():
    rows = torch.tensor([[-1e5, -2e5], [-3e9, -torch.inf], [1e5, 0.0]])
    agrees(softmax, rows, with_=oracle, gives=[[1.0, 0.0]] * 3)


@pytest.mark.card("softmax-subtract-max", "exp-1000")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_scores_of_every_size_give_probabilities(kind, dtype, seed):
    agrees(softmax, signal(kind, 4, 37, dtype=dtype, seed=seed), with_=oracle)


@pytest.mark.parametrize("dim", [0, 1, 2, -2])
def test_probabilities_run_along_the_axis_asked_for(dim, seed):
    agrees(softmax, randn(3, 4, 5, seed=seed), dim=dim, with_=oracle)


def test_an_axis_of_length_one_stays(seed):
    agrees(softmax, randn(2, 1, 3, seed=seed), dim=0, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_row_that_is_hidden_entirely_gives_zeros(dtype):
    hidden = torch.tensor([[-torch.inf, -torch.inf, -torch.inf], [-torch.inf, 2.0, 1.0]]).to(dtype)
    agrees(softmax, hidden, with_=oracle)


def test_a_missing_axis_is_an_index_error():
    agrees(softmax, torch.tensor([1.0, 2.0, 3.0]), dim=1, with_=oracle)


def test_strides_and_empty_batches_make_no_difference(seed):
    agrees(softmax, strided(randn(5, 7, seed=seed)), with_=oracle)
    agrees(softmax, torch.empty(0, 7), with_=oracle)


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=12))
def test_any_list_of_finite_scores_works(scores):
    agrees(softmax, torch.tensor(scores), with_=oracle)
