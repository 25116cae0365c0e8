"""All bytes first, then letters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch05_tokens.decode import decode
from grader.checks import agrees
from reference.ch05_tokens.decode import decode as oracle

CAFE = [(195, 169), (102, 256)]  # é, fé
EMOJI = [(240, 159), (141, 147)]  # the two halves of U+1F353, a strawberry


def test_a_word_by_hand():
    agrees(decode, [99, 97, 102, 256], CAFE, with_=oracle, gives="café")


def test_a_merge_of_a_merge():
    agrees(decode, [99, 97, 257, 115], CAFE, with_=oracle, gives="cafés")


@pytest.mark.card("decode-joins-first")
def test_one_letter_in_two_tokens():
    agrees(decode, [195, 169], CAFE, with_=oracle, gives="é")


@pytest.mark.card("decode-joins-first")
def test_a_strawberry_of_four_bytes_in_two_tokens():
    agrees(decode, [97, 256, 257, 98], EMOJI, with_=oracle, gives="a\U0001f353b")


@pytest.mark.card("decode-joins-first")
def test_half_a_letter_is_replaced():
    agrees(decode, [97, 195], CAFE, with_=oracle, gives="a\ufffd")
    agrees(decode, [195, 97, 98], CAFE, with_=oracle, gives="\ufffdab")


def test_bytes_that_no_letter_has():
    agrees(decode, [169, 255, 97], CAFE, with_=oracle, gives="\ufffd\ufffda")
    agrees(decode, [195, 195, 169], CAFE, with_=oracle, gives="\ufffdé")


def test_three_of_four_bytes_are_replaced_by_one_sign():
    agrees(decode, [256, 141, 97], EMOJI, with_=oracle, gives="\ufffda")
    agrees(decode, [256, 141], EMOJI, with_=oracle, gives="\ufffd")


def test_spaces_and_line_ends_are_bytes_like_others():
    agrees(decode, [97, 32, 32, 10, 9, 98, 0], [], with_=oracle, gives="a  \n\tb\0")


def test_nothing_at_all():
    agrees(decode, [], CAFE, with_=oracle, gives="")


@pytest.mark.parametrize("i", [258, 100_000], ids=["the first id past the table", "far past it"])
def test_an_id_that_is_not_in_the_table_is_a_lookup_error(i):
    agrees(decode, [97, i, 98], CAFE, with_=oracle)
    agrees(decode, [97, i - 2], [], with_=oracle)


def test_a_negative_id_is_not_in_the_table():
    agrees(decode, [97, -1], CAFE, with_=oracle)
    agrees(decode, [-3, 97], CAFE, with_=oracle)


@given(st.lists(st.sampled_from([65, 97, 169, 195, 226, 130, 172, 240, 159, 141, 147, 256, 257]), max_size=8))
def test_any_ids(ids):
    agrees(decode, ids, EMOJI, with_=oracle)
