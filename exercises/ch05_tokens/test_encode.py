"""The merge that was made first in training comes first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch05_tokens.encode import encode
from grader.checks import agrees
from reference.ch05_tokens.encode import encode as oracle
from reference.ch05_tokens.train_bpe import train_bpe

BC_THEN_AB = [(98, 99), (97, 98)]
# All tokens of cl100k_base that are pieces of "strawberry", as merges in its order: er st tr str err rr ber aw ry ra
# raw be tra erry stra berry wb. Their ids there are 261 267 376 496 618 637 655 675 894 969 1059 1395 2221 5515
# 13645 15717 20824.
CL100K = [(101, 114), (115, 116), (116, 114), (257, 114), (256, 114), (114, 114), (98, 256), (97, 119), (114, 121)]
CL100K += [(114, 97), (114, 263), (98, 101), (258, 97), (260, 121), (259, 97), (98, 269), (119, 98)]
WORDS = {"low": 5, "lower": 2, "newest": 6, "widest": 3, "größer": 2, "größe": 1, "aaaa": 3, "aaa": 2}
TRAINED = train_bpe(WORDS, 285)
TABLES = [train_bpe({word: 1}, 262) for word in ("abc", "cabbac", "aaabaaab", "abcacbab", "bcbcab")]


@pytest.mark.card("encode-by-rank")
def test_the_merge_of_rank_0_comes_first():
    agrees(encode, "abc", BC_THEN_AB, with_=oracle, gives=[97, 256])


@pytest.mark.card("encode-by-rank")
def test_the_other_order_of_the_merges_gives_other_tokens():
    agrees(encode, "abc", BC_THEN_AB[::-1], with_=oracle, gives=[256, 99])
    agrees(encode, "ab", BC_THEN_AB, with_=oracle, gives=[257])
    agrees(encode, "ba", BC_THEN_AB, with_=oracle, gives=[98, 97])


@pytest.mark.card("strawberry-split", "encode-by-rank")
def test_strawberry_is_str_aw_berry_and_not_stra_wb_erry():
    agrees(encode, "strawberry", CL100K, with_=oracle, gives=[259, 263, 271])


@pytest.mark.card("strawberry-split")
def test_there_is_no_token_straw_but_there_is_raw():
    agrees(encode, "straw", CL100K, with_=oracle, gives=[259, 263])
    agrees(encode, "raw", CL100K, with_=oracle, gives=[266])


def test_a_merge_is_made_at_every_place():
    agrees(encode, "abab bcbc", BC_THEN_AB, with_=oracle, gives=[257, 257, 32, 256, 256])


def test_merged_tokens_are_merged_further():
    agrees(encode, "abcd", [(97, 98), (256, 99), (99, 100)], with_=oracle, gives=[257, 100])
    agrees(encode, "abcdabcd", [(97, 98), (99, 100), (256, 257)], with_=oracle, gives=[258, 258])


@pytest.mark.card("encode-by-rank")
def test_a_longer_token_does_not_come_first():
    merges = [(99, 100), (98, 99), (97, 257), (97, 98)]  # cd, bc, abc, ab
    agrees(encode, "abcd", merges, with_=oracle, gives=[259, 256])


@pytest.mark.card("encode-by-rank")
def test_the_leftmost_pair_does_not_come_first():
    merges = [(98, 99), (97, 256), (97, 98)]  # bc, abc, ab
    agrees(encode, "abc", merges, with_=oracle, gives=[257])


@pytest.mark.card("encode-by-rank")
def test_the_most_frequent_pair_does_not_come_first():
    agrees(encode, "ababc", BC_THEN_AB, with_=oracle, gives=[257, 97, 256])


def test_neither_the_leftmost_nor_the_most_frequent_pair_comes_first():
    agrees(encode, "cababc", [(98, 99), (97, 98), (99, 97)], with_=oracle, gives=[99, 257, 97, 256])


def test_a_run_is_merged_from_the_left():
    agrees(encode, "aaa", [(97, 97)], with_=oracle, gives=[256, 97])
    agrees(encode, "aaaaa", [(97, 97), (256, 97)], with_=oracle, gives=[256, 257])


@pytest.mark.card("bpe-starts-from-bytes")
def test_what_was_never_seen_stays_bytes():
    agrees(encode, "é€", BC_THEN_AB, with_=oracle, gives=[195, 169, 226, 130, 172])
    agrees(encode, "größten", TRAINED, with_=oracle)
    agrees(encode, "", TRAINED, with_=oracle, gives=[])
    agrees(encode, "abc", [], with_=oracle, gives=[97, 98, 99])


def test_a_text_is_taken_as_it_is():
    agrees(encode, " a\n", [], with_=oracle, gives=[32, 97, 10])
    agrees(encode, "e\u0301", [], with_=oracle, gives=[101, 204, 129])  # é in two characters


@pytest.mark.card("encode-by-rank")
@pytest.mark.parametrize("word", ["lowest", "newer", "widow", "estest", "aaaaaaa", "größer"])
def test_words_by_a_table_that_was_trained(word):
    agrees(encode, word, TRAINED, with_=oracle)


@given(st.text("abc", max_size=10), st.sampled_from(TABLES))
def test_any_word_by_any_table(word, merges):
    agrees(encode, word, merges, with_=oracle)
