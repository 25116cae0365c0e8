"""Special tokens, then words, then merges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch15_model.encode_text import encode_text
from grader.checks import agrees
from reference.ch05_tokens.train_bpe import train_bpe
from reference.ch15_model.encode_text import encode_text as oracle

B_THEN_A_B = [(32, 98), (97, 256)]  # " b", "a b"
END = {"<|end|>": 258}
STORY = "Once a cat sat. The cat's hat sat on  a mat.\n\n\n  The cat\n sat!<|end|>"
COUNTS = {
    " cat": 9,
    " sat": 6,
    " hat": 4,
    " mat": 3,
    "The": 5,
    " The": 2,
    "cat": 2,
    " a": 4,
    "\n\n": 3,
    "Once": 1,
    "'s": 2,
}
TRAINED = train_bpe(COUNTS, 280)
SPECIALS = {"<|end|>": 280, "<|pad|>": 281}


def test_two_words_by_hand():
    agrees(encode_text, "a b", B_THEN_A_B, {}, with_=oracle, gives=[97, 256])


@pytest.mark.card("special-tokens-before-merges")
def test_a_special_token_is_one_id():
    agrees(encode_text, "a b<|end|>b", B_THEN_A_B, END, with_=oracle, gives=[97, 256, 258, 98])
    agrees(encode_text, "<|end|><|end|>", B_THEN_A_B, END, with_=oracle, gives=[258, 258])


@pytest.mark.card("special-tokens-before-merges")
def test_no_merge_reaches_into_a_special_token():
    merges = [(97, 60), (62, 98), (60, 124)]  # "a<", ">b", "<|"
    agrees(encode_text, "a<|end|>b <|", merges, {"<|end|>": 300}, with_=oracle, gives=[97, 300, 98, 32, 258])


def test_the_ids_of_special_tokens_are_what_the_dict_says():
    agrees(encode_text, "a<|b|>c<|a|>", [], {"<|a|>": 7, "<|b|>": 50_000}, with_=oracle, gives=[97, 50_000, 99, 7])


def test_the_longest_special_token_is_taken():
    specials = {"<|end|>": 300, "<|end|>b": 301}
    agrees(encode_text, "a<|end|>b<|end|>c", [], specials, with_=oracle, gives=[97, 301, 300, 99])


@pytest.mark.card("special-tokens-before-merges")
def test_without_special_tokens_their_letters_are_text():
    agrees(encode_text, "<|end|>", [(60, 124)], {}, with_=oracle, gives=[256, 101, 110, 100, 124, 62])


def test_no_merge_reaches_from_one_word_into_the_next():
    agrees(encode_text, "ab ab", [(98, 32), (97, 98)], {}, with_=oracle, gives=[257, 32, 257])


def test_no_merge_reaches_from_letters_into_numbers_or_into_an_ending():
    agrees(encode_text, "ab1a's", [(98, 49), (97, 39), (39, 115)], {}, with_=oracle, gives=[97, 98, 49, 97, 258])


def test_a_word_with_its_space_is_another_word_than_without():
    agrees(encode_text, "b b b\nb", B_THEN_A_B, {}, with_=oracle, gives=[98, 256, 256, 10, 98])


def test_words_that_occur_again_are_there_again_in_their_order():
    agrees(encode_text, "cat sat cat sat sat cat", TRAINED, SPECIALS, with_=oracle)


def test_spaces_and_newlines_beside_a_special_token_stay():
    agrees(encode_text, " a \n<|end|> \n a", [], END, with_=oracle, gives=[32, 97, 32, 10, 258, 32, 10, 32, 97])


def test_a_run_of_newlines_and_spaces_is_one_word():
    agrees(encode_text, "a\n\n\nb\n  b", [(10, 10), (10, 32)], {}, with_=oracle, gives=[97, 256, 10, 98, 257, 32, 98])


def test_another_table_gives_other_ids_for_the_same_text():
    agrees(encode_text, "a bc bc", [(98, 99), (32, 256)], {}, with_=oracle, gives=[97, 257, 257])
    agrees(encode_text, "a bc bc", [(32, 98), (256, 99)], {}, with_=oracle, gives=[97, 257, 257])
    agrees(encode_text, "a bc bc", [(32, 98), (98, 99)], {}, with_=oracle, gives=[97, 256, 99, 256, 99])


def test_nothing_gives_nothing():
    agrees(encode_text, "", B_THEN_A_B, END, with_=oracle, gives=[])
    agrees(encode_text, "", [], {}, with_=oracle, gives=[])


@pytest.mark.card("encode-text-chunks")
def test_a_text_in_chunks_and_at_once():
    """Chunks that begin at a special token or at the space before a word have the same ids as the whole text."""
    agrees(encode_text, STORY + STORY, TRAINED, SPECIALS, with_=oracle)
    assert oracle(STORY + STORY, TRAINED, SPECIALS) == 2 * oracle(STORY, TRAINED, SPECIALS)
    for chunk in (STORY, "Once a cat sat.", " The cat's hat sat on "):
        agrees(encode_text, chunk, TRAINED, SPECIALS, with_=oracle)


@pytest.mark.card("encode-text-chunks")
def test_a_chunk_that_begins_inside_a_word_has_other_ids():
    for text in ("a cat", "a ", "a c", "cat", "at"):
        agrees(encode_text, text, TRAINED, SPECIALS, with_=oracle)
    for first, second in (("a ", "cat"), ("a c", "at"), ("a<|e", "nd|>")):
        parts = oracle(first, TRAINED, SPECIALS) + oracle(second, TRAINED, SPECIALS)
        assert parts != oracle(first + second, TRAINED, SPECIALS)


@given(st.lists(st.sampled_from(["cat", " cat", " sat", " ", "\n", "'s", "<|end|>", "<|", "é", "7"]), max_size=8))
def test_any_text(parts):
    agrees(encode_text, "".join(parts), TRAINED, SPECIALS, with_=oracle)


def test_a_long_text_of_a_few_words():
    """With 20,000 merges, to encode each of the 20,800 words again takes minutes."""
    merges = [(a, b) for a in range(160) for b in range(125)]
    text = (" a b cd b<|end|>" + " a b" * 50) * 200
    agrees(encode_text, text, merges, {"<|end|>": 50_000}, with_=oracle)
