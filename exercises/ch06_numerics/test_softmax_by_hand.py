"""Powers divided by their sum, along the axis `dim`."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch06_numerics.softmax_by_hand import softmax_by_hand
from grader.checks import agrees, randn, strided
from reference.ch06_numerics.softmax_by_hand import softmax_by_hand as oracle

TABLE = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.mark.card("softmax-1-2-3")
def test_one_two_three_by_hand():
    agrees(softmax_by_hand, torch.tensor([1.0, 2.0, 3.0]), 0, with_=oracle, gives=[0.0900, 0.2447, 0.6652])


@pytest.mark.card("softmax-axis")
def test_along_dim_0_every_column_adds_up_to_one():
    gives = [[0.0474, 0.0474, 0.0474], [0.9526, 0.9526, 0.9526]]
    agrees(softmax_by_hand, torch.tensor(TABLE), 0, with_=oracle, gives=gives)


@pytest.mark.card("softmax-axis", "softmax-1-2-3")
def test_along_dim_1_every_row_adds_up_to_one():
    gives = [[0.0900, 0.2447, 0.6652], [0.0900, 0.2447, 0.6652]]
    agrees(softmax_by_hand, torch.tensor(TABLE), 1, with_=oracle, gives=gives)


@pytest.mark.card("softmax-is-sharper")
def test_a_lead_of_three_and_a_half_takes_nearly_everything():
    agrees(softmax_by_hand, torch.tensor([2.1, 1.3, 5.6]), 0, with_=oracle, gives=[0.0289, 0.0130, 0.9581])


def test_negative_scores_get_positive_shares():
    agrees(softmax_by_hand, torch.tensor([-1.0, 0.0, -3.0]), -1, with_=oracle, gives=[0.2595, 0.7054, 0.0351])
    agrees(softmax_by_hand, torch.tensor([-12.0, -12.0]), 0, with_=oracle, gives=[0.5, 0.5])


@pytest.mark.card("softmax-axis")
def test_a_square_table_does_not_hide_the_axis():
    agrees(softmax_by_hand, torch.tensor([[0.0, 0.0], [0.0, 5.0]]), 1, with_=oracle)


@pytest.mark.card("softmax-no-dim-1")
@pytest.mark.parametrize("dim", [1, -2])
def test_a_vector_has_no_dim_1(dim):
    agrees(softmax_by_hand, torch.tensor([1.0, 2.0, 3.0]), dim, with_=oracle)


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -3])
def test_any_axis_of_three(dim, seed):
    agrees(softmax_by_hand, randn(2, 3, 4, seed=seed), dim, with_=oracle)


def test_an_axis_of_length_one_stays(seed):
    agrees(softmax_by_hand, randn(2, 1, 3, seed=seed), 0, with_=oracle)


def test_strides_and_empty_batches_make_no_difference(seed):
    agrees(softmax_by_hand, strided(randn(5, 3, seed=seed)), 0, with_=oracle)
    agrees(softmax_by_hand, torch.empty(0, 3), 1, with_=oracle)


@given(st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=8))
def test_any_list_of_small_scores_works(scores):
    agrees(softmax_by_hand, torch.tensor(scores), 0, with_=oracle)
