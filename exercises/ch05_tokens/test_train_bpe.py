"""Count, merge, note the pair, ask again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch05_tokens.train_bpe import train_bpe
from grader.checks import agrees
from reference.ch05_tokens.train_bpe import train_bpe as oracle


@pytest.mark.card("bpe-one-question")
def test_low_twice_and_lot_once_by_hand():
    agrees(train_bpe, {"low": 2, "lot": 1}, 258, with_=oracle, gives=[(108, 111), (256, 119)])


def test_a_word_counts_as_often_as_it_occurs():
    agrees(train_bpe, {"xy": 5, "ab": 1, "cab": 1, "dab": 1}, 257, with_=oracle, gives=[(120, 121)])


def test_every_place_in_a_word_counts():
    agrees(train_bpe, {"aab": 1, "anan": 2, "xy": 3}, 257, with_=oracle, gives=[(97, 110)])


@pytest.mark.card("bpe-ties")
def test_among_equals_the_greatest_pair_is_merged():
    agrees(train_bpe, {"cd": 2, "ef": 2, "ab": 2}, 257, with_=oracle, gives=[(101, 102)])
    agrees(train_bpe, {"abc": 1}, 257, with_=oracle, gives=[(98, 99)])
    agrees(train_bpe, {"cacb": 1}, 257, with_=oracle, gives=[(99, 98)])
    agrees(train_bpe, {"banana": 1}, 259, with_=oracle)


@pytest.mark.card("bpe-ties")
def test_pairs_of_ids_are_compared_and_not_their_bytes():
    """ab is id 256. (256, 99) is greater than (120, 121), but the bytes of x are greater than the bytes of ab."""
    agrees(train_bpe, {"abc": 2, "abd": 1, "xy": 2}, 258, with_=oracle, gives=[(97, 98), (256, 99)])


@pytest.mark.card("bpe-one-question")
def test_the_words_of_a_small_corpus():
    words = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    # st 9 (es too, but it is the smaller), est 9, ow 7, low 7, west 6, ne 6, newest 6
    merges = [(115, 116), (101, 256), (111, 119), (108, 258), (119, 257), (110, 101), (261, 260)]
    agrees(train_bpe, words, 263, with_=oracle, gives=merges)
    agrees(train_bpe, words, 275, with_=oracle)


@pytest.mark.card("bpe-borders")
def test_no_token_reaches_from_one_word_into_the_next():
    agrees(train_bpe, {"ab": 3, "ac": 2}, 258, with_=oracle, gives=[(97, 98), (97, 99)])
    agrees(train_bpe, {"to": 4, "t": 9, "o": 9}, 258, with_=oracle, gives=[(116, 111)])


@pytest.mark.card("bpe-overlaps")
def test_a_run_counts_at_every_place():
    agrees(train_bpe, {"aaaa": 1, "xy": 2}, 257, with_=oracle, gives=[(97, 97)])


@pytest.mark.card("bpe-starts-from-bytes")
def test_letters_of_two_and_three_bytes_start_as_bytes():
    agrees(train_bpe, {"é": 3}, 257, with_=oracle, gives=[(195, 169)])
    agrees(train_bpe, {"größe": 2, "große": 1, "€": 4}, 266, with_=oracle)


@pytest.mark.card("bpe-starts-from-bytes")
def test_256_bytes_are_in_the_vocabulary_whether_seen_or_not():
    agrees(train_bpe, {"low": 2, "lot": 1}, 256, with_=oracle, gives=[])
    agrees(train_bpe, {"low": 2, "lot": 1}, 257, with_=oracle, gives=[(108, 111)])


@pytest.mark.card("bpe-starts-from-bytes")
def test_a_word_with_128_bytes_of_its_own_still_leaves_room_for_one_merge():
    there_and_back = [*range(128), *range(127, -1, -1)]
    agrees(train_bpe, {bytes(there_and_back).decode(): 1}, 257, with_=oracle, gives=[(127, 127)])


@pytest.mark.card("bpe-one-question")
def test_it_ends_when_every_word_is_one_token():
    agrees(train_bpe, {"abc": 1, "ab": 1}, 300, with_=oracle, gives=[(97, 98), (256, 99)])
    agrees(train_bpe, {"a": 7}, 300, with_=oracle, gives=[])
    agrees(train_bpe, {}, 300, with_=oracle, gives=[])


def test_fewer_than_256_ids_are_a_value_error():
    agrees(train_bpe, {"low": 2}, 255, with_=oracle)


@given(st.dictionaries(st.text("abé", min_size=1, max_size=5), st.integers(1, 3), max_size=3), st.integers(256, 266))
def test_any_words(words, vocab_size):
    agrees(train_bpe, words, vocab_size, with_=oracle)
