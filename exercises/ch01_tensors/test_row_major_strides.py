"""The last axis has stride 1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch01_tensors.row_major_strides import row_major_strides
from grader.checks import agrees
from reference.ch01_tensors.row_major_strides import row_major_strides as oracle


@pytest.mark.card("strides-of-4-6", "transpose-swaps-strides")
def test_rows_of_six_begin_six_apart():
    agrees(row_major_strides, (4, 6), with_=oracle, gives=[6, 1])


@pytest.mark.card("strides-of-2-3-4")
def test_tables_of_three_by_four_begin_twelve_apart():
    agrees(row_major_strides, (2, 3, 4), with_=oracle, gives=[12, 4, 1])


def test_a_vector_has_neighbours_only():
    agrees(row_major_strides, (7,), with_=oracle, gives=[1])


def test_a_number_has_no_strides():
    agrees(row_major_strides, (), with_=oracle, gives=[])


def test_axes_of_length_one_have_a_stride_too():
    agrees(row_major_strides, (1, 5), with_=oracle, gives=[5, 1])
    agrees(row_major_strides, (3, 1, 2), with_=oracle, gives=[2, 2, 1])


@pytest.mark.card("strides-of-2-3-4")
@pytest.mark.parametrize("shape", [(8, 32, 2048, 128), (2, 3, 5, 7), (2**10, 2**11, 2**12), (2, 3**17, 3**17)], ids=str)
def test_longer_shapes(shape):
    agrees(row_major_strides, shape, with_=oracle)


@given(st.lists(st.integers(1, 9), max_size=5).map(tuple))
def test_any_shape(shape):
    agrees(row_major_strides, shape, with_=oracle)
