"""Every occurrence is merged, from left to right, and none of them twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch05_tokens.merge_pair import merge_pair
from grader.checks import agrees
from reference.ch05_tokens.merge_pair import merge_pair as oracle


def test_two_occurrences_by_hand():
    agrees(merge_pair, [1, 2, 3, 1, 2], (1, 2), 256, with_=oracle, gives=[256, 3, 256])


@pytest.mark.card("bpe-overlaps")
def test_a_run_of_three_has_room_for_one_merge_on_its_left():
    agrees(merge_pair, [7, 7, 7], (7, 7), 256, with_=oracle, gives=[256, 7])


@pytest.mark.card("bpe-overlaps")
def test_a_run_of_four_has_room_for_two():
    agrees(merge_pair, [7, 7, 7, 7], (7, 7), 256, with_=oracle, gives=[256, 256])


def test_longer_runs_between_other_ids():
    agrees(merge_pair, [5, 7, 7, 7, 7, 7, 5, 7, 7, 7], (7, 7), 300, with_=oracle)


def test_occurrences_side_by_side():
    agrees(merge_pair, [1, 2, 1, 2, 1, 2, 1], (1, 2), 256, with_=oracle, gives=[256, 256, 256, 1])


def test_the_other_order_is_another_pair():
    agrees(merge_pair, [2, 1, 3, 2, 3, 1, 2], (1, 2), 256, with_=oracle, gives=[2, 1, 3, 2, 3, 256])


def test_an_id_that_ends_like_another_is_not_that_one():
    agrees(merge_pair, [11, 2, 21, 22, 1, 2], (1, 2), 256, with_=oracle, gives=[11, 2, 21, 22, 256])


def test_what_a_merge_has_made_is_not_merged_again():
    agrees(merge_pair, [256, 7, 7], (256, 7), 256, with_=oracle, gives=[256, 7])


def test_a_merge_of_tokens_that_were_merged_before():
    agrees(merge_pair, [104, 256, 257, 256, 257], (256, 257), 258, with_=oracle, gives=[104, 258, 258])


@pytest.mark.parametrize("ids", [[], [1], [2, 1], [1, 2]], ids=str)
def test_the_smallest_lists(ids):
    agrees(merge_pair, ids, (1, 2), 256, with_=oracle)


@given(st.lists(st.integers(0, 2), max_size=12), st.tuples(st.integers(0, 2), st.integers(0, 2)))
def test_any_list_and_any_pair(ids, pair):
    agrees(merge_pair, ids, pair, 256, with_=oracle)
