"""Shapes line up at the last axis, and a length of 1 stretches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch01_tensors.broadcast_shape import broadcast_shape
from grader.checks import agrees
from reference.ch01_tensors.broadcast_shape import broadcast_shape as oracle


@pytest.mark.card("broadcast-5-1-and-1-4")
def test_a_column_of_five_and_a_row_of_four_make_a_table():
    agrees(broadcast_shape, (5, 1), (1, 4), with_=oracle, gives=[5, 4])


def test_equal_shapes_stay_and_ones_stay_one():
    agrees(broadcast_shape, (2, 3), (2, 3), with_=oracle, gives=[2, 3])
    agrees(broadcast_shape, (1, 3), (1, 1), with_=oracle, gives=[1, 3])


@pytest.mark.card("broadcast-from-the-end")
def test_a_bias_is_added_to_every_row():
    agrees(broadcast_shape, (6, 4), (4,), with_=oracle, gives=[6, 4])
    agrees(broadcast_shape, (4,), (6, 4), with_=oracle, gives=[6, 4])


@pytest.mark.card("broadcast-clash")
@pytest.mark.parametrize("a, b", [((3,), (4,)), ((2, 6), (2, 3)), ((3, 2), (5, 2)), ((0, 3), (2, 3))], ids=str)
def test_lengths_that_differ_are_a_value_error(a, b):
    agrees(broadcast_shape, a, b, with_=oracle)
    agrees(broadcast_shape, b, a, with_=oracle)


@pytest.mark.card("broadcast-from-the-end")
@pytest.mark.parametrize("a, b", [((6, 4), (6,)), ((2, 3, 4), (2, 3)), ((5,), (5, 7))], ids=str)
def test_an_equal_length_at_the_wrong_end_is_a_value_error(a, b):
    agrees(broadcast_shape, a, b, with_=oracle)


@pytest.mark.card("broadcast-from-the-end")
def test_a_square_table_does_not_hide_the_end():
    agrees(broadcast_shape, (3, 3), (3, 1), with_=oracle, gives=[3, 3])
    agrees(broadcast_shape, (7, 1), (3, 1, 5), with_=oracle, gives=[3, 7, 5])


@pytest.mark.card("broadcast-loss")
def test_predictions_of_shape_n_1_and_targets_of_shape_n_make_a_square():
    agrees(broadcast_shape, (32, 1), (32,), with_=oracle, gives=[32, 32])


@pytest.mark.card("broadcast-clash")
def test_scores_of_eight_heads_and_a_mask_of_one():
    agrees(broadcast_shape, (2, 8, 5, 9), (2, 1, 5, 9), with_=oracle, gives=[2, 8, 5, 9])
    agrees(broadcast_shape, (2, 8, 5, 9), (2, 2, 5, 9), with_=oracle)


def test_a_number_goes_with_everything():
    agrees(broadcast_shape, (), (2, 3), with_=oracle, gives=[2, 3])
    agrees(broadcast_shape, (4,), (), with_=oracle, gives=[4])
    agrees(broadcast_shape, (), (), with_=oracle, gives=[])


@pytest.mark.card("broadcast-zero")
def test_one_stretches_to_zero_as_well():
    agrees(broadcast_shape, (1, 3), (0, 3), with_=oracle, gives=[0, 3])
    agrees(broadcast_shape, (0, 3), (1,), with_=oracle, gives=[0, 3])


@given(st.lists(st.sampled_from([1, 1, 2, 3]), max_size=4), st.lists(st.sampled_from([1, 1, 2, 3]), max_size=4))
def test_any_two_shapes(a, b):
    agrees(broadcast_shape, tuple(a), tuple(b), with_=oracle)
