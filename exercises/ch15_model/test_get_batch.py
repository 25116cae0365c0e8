"""Windows of a row of ids, and their next ids."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch15_model.get_batch import get_batch
from grader.checks import agrees, seeded, strided
from reference.ch15_model.get_batch import get_batch as oracle


def text(n, seed):
    return torch.randint(1024, (n,), generator=seeded(seed))


@pytest.mark.card("batch-targets-shifted")
def test_two_windows_by_hand():
    gives = [[[7, 8], [5, 6]], [[8, 9], [6, 7]]]
    agrees(get_batch, torch.tensor([5, 6, 7, 8, 9]), [2, 0], 2, with_=oracle, gives=gives)


@pytest.mark.card("batch-targets-shifted")
def test_the_target_of_a_position_is_the_next_id(seed):
    agrees(get_batch, text(40, seed), [3, 21, 11], 8, with_=oracle)


def test_rows_come_in_the_order_of_the_starts_and_may_overlap(seed):
    agrees(get_batch, text(20, seed), [9, 2, 9, 3, 4], 6, with_=oracle)


def test_as_many_rows_as_positions(seed):
    agrees(get_batch, text(20, seed), [7, 1, 12], 3, with_=oracle)


def test_windows_of_one_position(seed):
    agrees(get_batch, text(9, seed), [4, 0, 6], 1, with_=oracle)


def test_the_first_and_the_last_window_lie_in_the_text(seed):
    agrees(get_batch, text(9, seed), [0], 4, with_=oracle)
    agrees(get_batch, text(9, seed), [4], 4, with_=oracle)
    agrees(get_batch, text(9, seed), [0], 8, with_=oracle)


@pytest.mark.parametrize("starts, length", [([5], 4), ([0, 6], 4), ([8], 4), ([100], 4), ([0], 9), ([0], 12)])
def test_a_window_over_the_end_is_a_value_error(starts, length, seed):
    agrees(get_batch, text(9, seed), starts, length, with_=oracle)


@pytest.mark.parametrize("starts", [[-1], [-2, 3], [2, -9], [-20]])
def test_a_start_below_0_is_a_value_error(starts, seed):
    agrees(get_batch, text(9, seed), starts, 3, with_=oracle)


def test_a_text_of_one_id_has_no_window():
    agrees(get_batch, torch.tensor([7]), [0], 1, with_=oracle)


def test_no_starts_give_an_empty_batch(seed):
    agrees(get_batch, text(9, seed), [], 3, with_=oracle)


def test_strides_make_no_difference(seed):
    agrees(get_batch, strided(text(30, seed)), [4, 17], 5, with_=oracle)


@given(st.data(), st.integers(1, 6), st.integers(0, 9), st.integers(0, 99))
def test_any_windows(data, length, more, seed):
    starts = data.draw(st.lists(st.integers(0, more), min_size=1, max_size=4))
    agrees(get_batch, text(length + 1 + more, seed), starts, length, with_=oracle)
