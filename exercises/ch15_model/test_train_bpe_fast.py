"""Exactly the merges of train_bpe, and only the words that hold the pair are touched."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch15_model.train_bpe_fast import train_bpe_fast
from grader.checks import agrees
from reference.ch15_model.train_bpe_fast import train_bpe_fast as oracle


@pytest.mark.card("bpe-fast-counts")
def test_low_twice_and_lot_once_by_hand():
    agrees(train_bpe_fast, {"low": 2, "lot": 1}, 258, with_=oracle, gives=[(108, 111), (256, 119)])


@pytest.mark.card("bpe-fast-counts")
def test_the_words_of_a_small_corpus():
    words = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    merges = [(115, 116), (101, 256), (111, 119), (108, 258), (119, 257), (110, 101), (261, 260)]
    agrees(train_bpe_fast, words, 263, with_=oracle, gives=merges)
    agrees(train_bpe_fast, words, 275, with_=oracle)


def test_a_word_counts_as_often_as_it_occurs():
    agrees(train_bpe_fast, {"xy": 5, "ab": 1, "cab": 1, "dab": 1}, 257, with_=oracle, gives=[(120, 121)])


def test_every_place_in_a_word_counts():
    agrees(train_bpe_fast, {"aab": 1, "anan": 2, "xy": 3}, 257, with_=oracle, gives=[(97, 110)])


@pytest.mark.card("bpe-fast-counts")
def test_a_merge_takes_the_pairs_beside_it_apart():
    """After the merge of ab, x a stands together once and no longer 4 times. So c x, with 2, comes first."""
    merges = [(97, 98), (120, 256), (99, 120), (120, 97)]
    agrees(train_bpe_fast, {"xab": 3, "ab": 2, "cx": 2, "xa": 1}, 260, with_=oracle, gives=merges)
    agrees(train_bpe_fast, {"abyy": 3, "ab": 2, "byc": 2}, 260, with_=oracle)


@pytest.mark.card("bpe-fast-counts")
def test_a_pair_stands_twice_in_a_word():
    agrees(train_bpe_fast, {"abab": 3, "ba": 2, "xy": 4}, 259, with_=oracle)
    agrees(train_bpe_fast, {"abxab": 3, "xa": 2, "bx": 1}, 262, with_=oracle)
    agrees(train_bpe_fast, {"ababab": 2, "abc": 3, "bab": 1}, 264, with_=oracle)


@pytest.mark.card("bpe-fast-counts")
def test_a_pair_stays_in_a_word_after_one_of_its_places_is_gone():
    agrees(train_bpe_fast, {"xabxa": 2, "ab": 9, "xay": 3}, 262, with_=oracle)


def test_a_pair_whose_count_fell_can_win_later():
    agrees(train_bpe_fast, {"abc": 5, "bcd": 4, "xy": 3, "cd": 1}, 262, with_=oracle)
    agrees(train_bpe_fast, {"abc": 5, "ab": 2, "bc": 1, "bcx": 3, "yz": 4}, 264, with_=oracle)


@pytest.mark.card("bpe-overlaps")
def test_a_run_counts_at_every_place():
    agrees(train_bpe_fast, {"aaaa": 1, "xy": 2}, 257, with_=oracle, gives=[(97, 97)])
    agrees(train_bpe_fast, {"aaaaa": 3, "aaa": 2, "xyx": 4, "a": 9}, 264, with_=oracle)


@pytest.mark.card("bpe-ties")
def test_among_equals_the_greatest_pair_is_merged():
    agrees(train_bpe_fast, {"cd": 2, "ef": 2, "ab": 2}, 257, with_=oracle, gives=[(101, 102)])
    agrees(train_bpe_fast, {"banana": 1}, 259, with_=oracle)


@pytest.mark.card("bpe-ties-differ")
def test_pairs_of_ids_are_compared_and_not_their_bytes():
    """ab is id 256. (256, 99) is greater than (120, 121), but the bytes of x are greater than the bytes of ab."""
    agrees(train_bpe_fast, {"abc": 2, "abd": 1, "xy": 2}, 258, with_=oracle, gives=[(97, 98), (256, 99)])


def test_letters_of_two_and_three_bytes_start_as_bytes():
    agrees(train_bpe_fast, {"é": 3}, 257, with_=oracle, gives=[(195, 169)])
    agrees(train_bpe_fast, {"größe": 2, "große": 1, "€": 4}, 266, with_=oracle)


def test_256_bytes_are_in_the_vocabulary():
    agrees(train_bpe_fast, {"low": 2, "lot": 1}, 256, with_=oracle, gives=[])
    agrees(train_bpe_fast, {"low": 2, "lot": 1}, 257, with_=oracle, gives=[(108, 111)])


def test_it_ends_when_every_word_is_one_token():
    agrees(train_bpe_fast, {"abc": 1, "ab": 1}, 300, with_=oracle, gives=[(97, 98), (256, 99)])
    agrees(train_bpe_fast, {"a": 7}, 300, with_=oracle, gives=[])
    agrees(train_bpe_fast, {}, 300, with_=oracle, gives=[])


def test_fewer_than_256_ids_are_a_value_error():
    agrees(train_bpe_fast, {"low": 2}, 255, with_=oracle)


@given(st.dictionaries(st.text("abé", min_size=1, max_size=7), st.integers(1, 3), max_size=4), st.integers(256, 270))
def test_any_words(words, vocab_size):
    agrees(train_bpe_fast, words, vocab_size, with_=oracle)


def test_1500_merges_beside_20000_words_that_they_do_not_touch():
    """Words of two letters come first, since they are common. Counting the others each time takes minutes."""
    common = [a + b for a, b in product(map(chr, range(32, 77)), repeat=2)][:1500]
    rare = ["".join(letters) for letters in product("abcdefgh", repeat=5)][:20_000]
    agrees(train_bpe_fast, dict.fromkeys(common, 1_000_000) | dict.fromkeys(rare, 1), 256 + 1500, with_=oracle)
