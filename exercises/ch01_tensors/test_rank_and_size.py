"""The number of axes and the number of elements."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch01_tensors.rank_and_size import rank_and_size
from grader.checks import agrees
from reference.ch01_tensors.rank_and_size import rank_and_size as oracle


@pytest.mark.card("rank-3-4-5")
def test_three_axes_of_three_four_and_five():
    agrees(rank_and_size, (3, 4, 5), with_=oracle, gives=[3, 60])


@pytest.mark.card("rank-3-4-5")
@pytest.mark.parametrize("shape, gives", [((7,), [1, 7]), ((6, 4), [2, 24]), ((2, 3, 5, 7), [4, 210])], ids=str)
def test_vectors_tables_and_more(shape, gives):
    agrees(rank_and_size, shape, with_=oracle, gives=gives)


@pytest.mark.card("rank-zero")
def test_a_number_has_no_axes_and_one_element():
    agrees(rank_and_size, (), with_=oracle, gives=[0, 1])


@pytest.mark.card("rank-zero")
def test_axes_of_length_one_count_as_axes():
    agrees(rank_and_size, (1,), with_=oracle, gives=[1, 1])
    agrees(rank_and_size, (1, 5, 1), with_=oracle, gives=[3, 5])


@pytest.mark.card("rank-zero")
@pytest.mark.parametrize("shape", [(0,), (4, 0, 6), (0, 0)])
def test_an_axis_of_length_zero_leaves_no_elements(shape):
    agrees(rank_and_size, shape, with_=oracle)


def test_a_batch_of_attention_scores():
    agrees(rank_and_size, (2, 32, 64, 64), with_=oracle, gives=[4, 262_144])


def test_a_size_that_no_float_holds():
    agrees(rank_and_size, (3**17, 3**17), with_=oracle, gives=[2, 16_677_181_699_666_569])


def test_sizes_beyond_64_bits_are_exact():
    agrees(rank_and_size, (2**40 + 1, 10**9 + 7), with_=oracle)


@pytest.mark.parametrize("shape", [(3, -1), (-1,), (-2, -3), (0, -4)])
def test_a_negative_length_is_a_value_error(shape):
    agrees(rank_and_size, shape, with_=oracle)


@given(st.lists(st.integers(0, 12), max_size=6).map(tuple))
def test_any_shape(shape):
    agrees(rank_and_size, shape, with_=oracle)
