"""A transpose swaps lengths and strides and moves no data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch01_tensors.transpose_view import transpose_view
from grader.checks import agrees
from reference.ch01_tensors.row_major_strides import row_major_strides
from reference.ch01_tensors.transpose_view import transpose_view as oracle


@pytest.mark.card("transpose-swaps-strides")
def test_a_table_of_four_by_six():
    agrees(transpose_view, (4, 6), (6, 1), 0, 1, with_=oracle, gives=[[6, 4], [1, 6], False])


@pytest.mark.card("transpose-may-be-contiguous")
def test_swapped_twice_it_is_contiguous_again():
    agrees(transpose_view, (6, 4), (1, 6), 0, 1, with_=oracle, gives=[[4, 6], [6, 1], True])


@pytest.mark.parametrize(
    "strides", [(1, 8), (2, 6), (1, 0)], ids=["gaps behind rows", "gaps in rows", "one row thrice"]
)
def test_views_with_gaps_and_repetitions_are_not_contiguous(strides):
    agrees(transpose_view, (3, 2), strides, 0, 1, with_=oracle)


@pytest.mark.card("transpose-may-be-contiguous")
def test_a_row_becomes_a_column_and_stays_contiguous():
    agrees(transpose_view, (1, 3), (3, 1), 0, 1, with_=oracle, gives=[[3, 1], [1, 3], True])
    agrees(transpose_view, (3, 1), (1, 1), 0, 1, with_=oracle, gives=[[1, 3], [1, 1], True])


def test_two_axes_of_four_change_places_and_the_others_stay():
    agrees(transpose_view, (2, 3, 4, 5), (60, 20, 5, 1), 1, 2, with_=oracle)
    agrees(transpose_view, (2, 3, 4, 5), (60, 20, 5, 1), 0, 3, with_=oracle)
    agrees(transpose_view, (2, 3, 4, 5), (60, 20, 5, 1), 3, 1, with_=oracle)


@pytest.mark.card("transpose-may-be-contiguous")
def test_one_token_of_three_heads_may_swap_its_axes_and_stay_contiguous():
    agrees(transpose_view, (2, 1, 3, 4), (12, 12, 4, 1), 1, 2, with_=oracle)


@pytest.mark.parametrize("a, b", [(-1, 0), (1, -2), (-3, -1)])
def test_negative_axes_count_from_the_end(a, b):
    agrees(transpose_view, (2, 3, 4), (12, 4, 1), a, b, with_=oracle)


def test_an_axis_swapped_with_itself_changes_nothing():
    agrees(transpose_view, (2, 3), (3, 1), 1, 1, with_=oracle)
    agrees(transpose_view, (2, 3), (3, 1), 0, -2, with_=oracle)
    agrees(transpose_view, (5,), (2,), 0, 0, with_=oracle)


@pytest.mark.parametrize("a, b", [(2, 0), (0, 2), (-3, 1), (1, 5)])
def test_a_missing_axis_is_an_index_error(a, b):
    agrees(transpose_view, (4, 6), (6, 1), a, b, with_=oracle)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple), st.integers(0, 3), st.integers(0, 3))
def test_any_fresh_tensor(shape, a, b):
    agrees(transpose_view, shape, row_major_strides(shape), a % len(shape), b % len(shape), with_=oracle)
