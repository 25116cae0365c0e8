"""An element's place is the offset plus index times stride."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch01_tensors.element_at import element_at
from grader.checks import agrees
from reference.ch01_tensors.element_at import element_at as oracle

TABLE = [10.0, 11.0, 12.0, 13.0, 14.0, 15.0]
LONG = [100.0 + i for i in range(24)]


def every_element(shape, strides, offset, buffer=LONG):
    for index in itertools.product(*map(range, shape)):
        agrees(element_at, buffer, shape, strides, offset, index, with_=oracle)


@pytest.mark.card("place-of-an-element")
def test_a_table_of_two_rows_lies_row_by_row():
    agrees(element_at, TABLE, (2, 3), (3, 1), 0, (1, 2), with_=oracle, gives=15.0)
    agrees(element_at, TABLE, (2, 3), (3, 1), 0, (1, 0), with_=oracle, gives=13.0)


@pytest.mark.card("place-of-an-element", "transpose-swaps-strides")
def test_its_transpose_lies_in_the_same_buffer():
    agrees(element_at, TABLE, (3, 2), (1, 3), 0, (2, 1), with_=oracle, gives=15.0)
    agrees(element_at, TABLE, (3, 2), (1, 3), 0, (0, 1), with_=oracle, gives=13.0)
    agrees(element_at, TABLE, (3, 2), (1, 3), 0, (2, 0), with_=oracle, gives=12.0)


@pytest.mark.card("place-of-an-element")
def test_a_slice_begins_at_its_offset():
    # rows 1 and 2 and columns 2, 4 of a (4, 6): x[1:3, 2::2]
    every_element((2, 2), (6, 2), 8)


@pytest.mark.card("stride-zero")
def test_a_stride_of_zero_repeats_a_row():
    agrees(element_at, LONG, (4, 3), (0, 1), 3, (2, 1), with_=oracle, gives=104.0)
    every_element((4, 3), (0, 1), 3, TABLE)


@pytest.mark.card("stride-zero")
def test_a_stride_of_zero_repeats_a_column_and_a_single_number():
    every_element((3, 4), (2, 0), 1)
    every_element((2, 2), (0, 0), 7)


@pytest.mark.card("stride-negative")
def test_a_negative_stride_reads_backwards():
    agrees(element_at, TABLE, (2, 3), (3, -1), 2, (0, 2), with_=oracle, gives=10.0)
    every_element((2, 3), (3, -1), 2)
    every_element((4,), (-2,), 9)


@pytest.mark.parametrize("index", [(0, 4), (0, -4), (-3, 0), (5, 1), (1, -7)])
def test_an_index_further_outside_is_an_index_error(index):
    agrees(element_at, LONG, (2, 3), (3, 1), 9, index, with_=oracle)


@pytest.mark.parametrize("index", [(0, 3), (1, 3), (2, 0), (2, -1)])
def test_an_index_as_large_as_its_axis_is_an_index_error(index):
    agrees(element_at, LONG, (2, 3), (3, 1), 0, index, with_=oracle)


@pytest.mark.card("stride-zero")
@pytest.mark.parametrize("index", [(4, 0), (-5, 1)])
def test_an_axis_without_a_step_has_a_length_too(index):
    agrees(element_at, LONG, (4, 3), (0, 1), 3, index, with_=oracle)


@pytest.mark.parametrize("index", [(-1, -1), (0, -3), (-2, 1)])
def test_negative_indices_count_from_the_end(index):
    agrees(element_at, LONG, (2, 3), (5, 2), 4, index, with_=oracle)


def test_a_number_is_where_the_offset_points():
    agrees(element_at, LONG, (), (), 5, (), with_=oracle, gives=105.0)


def test_four_axes_as_in_attention():
    # (batch, heads, tokens, width) out of (batch, tokens, heads, width)
    agrees(element_at, LONG, (2, 2, 3, 2), (12, 2, 4, 1), 0, (1, 1, 2, 0), with_=oracle, gives=122.0)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(-4, 4)), max_size=3), st.data())
def test_any_view(axes, data):
    shape, strides = tuple(n for n, _ in axes), tuple(s for _, s in axes)
    reach = [(n - 1) * s for n, s in axes]
    offset = data.draw(st.integers(0, 2)) - sum(r for r in reach if r < 0)
    buffer = [100.0 + i for i in range(offset + sum(r for r in reach if r > 0) + 2)]
    index = tuple(data.draw(st.integers(-n, n - 1)) for n in shape)
    agrees(element_at, buffer, shape, strides, offset, index, with_=oracle)
