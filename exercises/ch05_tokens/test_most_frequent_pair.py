"""Which two neighbors stand together most often?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch05_tokens.most_frequent_pair import most_frequent_pair
from grader.checks import agrees
from reference.ch05_tokens.most_frequent_pair import most_frequent_pair as oracle


@pytest.mark.card("bpe-one-question")
def test_one_and_two_stand_together_twice():
    agrees(most_frequent_pair, [1, 2, 3, 1, 2], with_=oracle, gives=(1, 2))


@pytest.mark.card("bpe-ties")
def test_among_equals_the_greatest_wins_wherever_it_stands():
    agrees(most_frequent_pair, [5, 6, 2, 9, 9, 1], with_=oracle, gives=(9, 9))
    agrees(most_frequent_pair, [1, 2, 9, 1], with_=oracle, gives=(9, 1))
    agrees(most_frequent_pair, [1, 3, 2, 4, 1], with_=oracle, gives=(4, 1))
    agrees(most_frequent_pair, [2, 7, 2, 8, 0], with_=oracle, gives=(8, 0))
    agrees(most_frequent_pair, [9, 1, 9, 2], with_=oracle, gives=(9, 2))


@pytest.mark.card("bpe-ties")
def test_ids_are_compared_as_numbers():
    agrees(most_frequent_pair, [9, 1, 100, 20], with_=oracle, gives=(100, 20))
    agrees(most_frequent_pair, [7, 256, 7, 99], with_=oracle, gives=(256, 7))


@pytest.mark.card("bpe-overlaps")
def test_a_run_of_three_holds_its_pair_twice():
    agrees(most_frequent_pair, [7, 7, 7, 8, 9], with_=oracle, gives=(7, 7))
    agrees(most_frequent_pair, [1, 1, 1, 1, 8, 9, 8, 9, 0], with_=oracle, gives=(1, 1))


def test_a_pair_may_start_at_an_odd_place():
    agrees(most_frequent_pair, [9, 1, 2, 5, 1, 2, 8], with_=oracle, gives=(1, 2))


def test_left_and_right_are_not_exchanged():
    agrees(most_frequent_pair, [1, 2, 1, 5, 8, 5, 8, 0], with_=oracle, gives=(5, 8))
    agrees(most_frequent_pair, [3, 4, 3, 4, 3, 8, 9, 8, 9], with_=oracle)


def test_neither_the_ends_nor_the_commonest_id_make_a_pair():
    agrees(most_frequent_pair, [4, 1, 2, 1, 9], with_=oracle, gives=(4, 1))
    agrees(most_frequent_pair, [6, 1, 6, 2, 6, 3, 5, 4, 5, 4], with_=oracle, gives=(5, 4))


def test_the_last_two_are_a_pair_too():
    agrees(most_frequent_pair, [3, 5, 1, 3, 5], with_=oracle, gives=(3, 5))


def test_words_as_bytes():
    agrees(most_frequent_pair, list(b"the cat on the mat"), with_=oracle)
    agrees(most_frequent_pair, list("Bücher über Bücher".encode()), with_=oracle)


def test_fewer_than_two_ids_have_no_pair():
    agrees(most_frequent_pair, [], with_=oracle, gives=None)
    agrees(most_frequent_pair, [5], with_=oracle, gives=None)


@given(st.lists(st.sampled_from([0, 1, 2, 9, 10, 256]), max_size=12))
def test_any_list_of_ids(ids):
    agrees(most_frequent_pair, ids, with_=oracle)
