"""Every id is valid, but the text is another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch05_tokens.token_drift import token_drift
from grader.checks import agrees
from reference.ch05_tokens.encode import encode
from reference.ch05_tokens.token_drift import token_drift as oracle
from reference.ch05_tokens.train_bpe import train_bpe


def tokens(text, merges):
    """(id, bytes) of `text`, word by word."""
    vocab = [bytes([b]) for b in range(256)]
    for left, right in merges:
        vocab.append(vocab[left] + vocab[right])
    return [(i, vocab[i]) for word in text.split() for i in encode(word, merges)]


VERSION_A = train_bpe({"low": 5, "lower": 2, "newest": 6, "widest": 3}, 266)
VERSION_B = train_bpe({"low": 5, "lower": 6, "newest": 2, "widest": 3}, 266)
TEXT = "the lower widow knew the newest lowest"
LETTERS = [(i, bytes([i])) for i in b"abcdef"]


def test_of_abcd_only_d_is_alike():
    trained = [(256, b"ab"), (99, b"c"), (100, b"d")]
    served = [(97, b"a"), (256, b"bc"), (100, b"d")]
    agrees(token_drift, trained, served, 257, with_=oracle, gives=(0.75, True))


@pytest.mark.card("drift-is-silent")
def test_two_versions_of_one_size_part_over_a_text_and_every_id_has_a_row():
    agrees(token_drift, tokens(TEXT, VERSION_A), tokens(TEXT, VERSION_B), 266, with_=oracle, gives=(0.75, True))


def test_the_same_tokens_are_no_drift():
    agrees(token_drift, tokens(TEXT, VERSION_A), tokens(TEXT, VERSION_A), 266, with_=oracle, gives=(0.0, True))


@pytest.mark.card("drift-has-two-kinds")
def test_the_same_split_under_other_ids_is_drift():
    trained, served = [(256, b"ab"), (257, b"cd"), (101, b"e")], [(257, b"ab"), (256, b"cd"), (101, b"e")]
    agrees(token_drift, trained, served, 258, with_=oracle, gives=(0.8, True))


@pytest.mark.card("drift-has-two-kinds")
def test_one_extra_token_at_the_start_does_not_make_all_others_differ():
    trained, served = [(256, b"ab"), *LETTERS[2:]], LETTERS
    agrees(token_drift, trained, served, 257, with_=oracle, gives=(0.3333, True))


def test_as_many_tokens_and_all_of_them_different():
    trained, served = [(256, b"abc"), (100, b"d")], [(97, b"a"), (256, b"bcd")]
    agrees(token_drift, trained, served, 257, with_=oracle, gives=(1.0, True))


def test_one_id_over_two_stretches_of_the_text():
    trained, served = [(256, b"aa"), (97, b"a"), (98, b"b")], [(97, b"a"), (256, b"aa"), (98, b"b")]
    agrees(token_drift, trained, served, 257, with_=oracle, gives=(0.75, True))
    trained, served = [(256, b"ab"), (99, b"c"), (100, b"d")], [(256, b"abc"), (100, b"d")]
    agrees(token_drift, trained, served, 257, with_=oracle, gives=(0.75, True))


def test_a_letter_of_two_bytes_is_two_bytes_of_the_text():
    trained, served = [(256, "é".encode()), (98, b"b")], [(195, b"\xc3"), (169, b"\xa9"), (98, b"b")]
    agrees(token_drift, trained, served, 257, with_=oracle, gives=(0.6667, True))


@pytest.mark.card("drift-past-the-table")
def test_an_id_past_the_table_has_no_row():
    trained, served = LETTERS[:2], [(257, b"ab")]
    agrees(token_drift, trained, served, 258, with_=oracle, gives=(1.0, True))
    agrees(token_drift, trained, served, 257, with_=oracle, gives=(1.0, False))


@pytest.mark.card("drift-past-the-table")
def test_a_table_of_257_rows_ends_at_id_256():
    agrees(token_drift, [(257, b"ab")], [(257, b"ab")], 257, with_=oracle, gives=(0.0, False))


@pytest.mark.card("drift-past-the-table")
def test_it_is_the_served_ids_that_need_rows():
    agrees(token_drift, [(900, b"ab")], LETTERS[:2], 256, with_=oracle, gives=(1.0, True))


def test_there_is_no_row_minus_one():
    agrees(token_drift, LETTERS[:2], [(-1, b"a"), (98, b"b")], 256, with_=oracle, gives=(0.5, False))


def test_one_byte_under_two_ids_and_row_zero():
    agrees(token_drift, [(97, b"a")], [(0, b"a")], 256, with_=oracle, gives=(1.0, True))


def test_an_empty_text_has_no_drift():
    agrees(token_drift, [], [], 256, with_=oracle, gives=(0.0, True))


def test_two_different_texts_are_a_value_error():
    agrees(token_drift, LETTERS[:2], LETTERS[:3], 256, with_=oracle)
    agrees(token_drift, LETTERS[:2], LETTERS[1:3], 256, with_=oracle)


TABLES = [train_bpe({word: 1}, 260) for word in ("ab", "bcab", "abcabc", "cab", "aab")]


@given(st.text("abc", max_size=8), st.sampled_from(TABLES), st.sampled_from(TABLES))
def test_any_two_tokenizers(text, ours, theirs):
    agrees(token_drift, tokens(text, ours), tokens(text, theirs), 258, with_=oracle)
