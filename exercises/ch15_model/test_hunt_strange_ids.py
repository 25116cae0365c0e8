"""The ids of the server are the ids of training."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.hunt_strange_ids import hunt_strange_ids
from grader.checks import agrees
from reference.ch05_tokens.train_bpe import train_bpe
from reference.ch15_model.hunt_strange_ids import hunt_strange_ids as oracle
from reference.ch15_model.pretokenize import pretokenize

BYTES = [bytes([i]) for i in range(256)]
# What the tokenizer of the tests was trained on.
TRAINED_ON = (
    "The rain had stopped, and the train was late again. Anna and her aunt sat on a stone near the station and\n"
    'counted the drops that fell from the roof. "Seven, eight, nine," said Anna. Then a silver engine came around '
    "the hill,\nslowly, with eleven wagons behind it. The banana that she had not eaten lay on the stone until the "
    "evening, and a raven\nate it. On the next morning the stationmaster found only the peel. He laughed, and he "
    "planted a bean there instead."
)


def trained(text, size):
    """The bytes of each token of a tokenizer that was trained on a text."""
    tokens = list(BYTES)
    for left, right in train_bpe(dict(Counter(pretokenize(text))), size):
        tokens.append(tokens[left] + tokens[right])
    assert len(set(tokens)) == len(tokens)
    return tokens


TOKENS = trained(TRAINED_ON, 600)  # every word of the text becomes a token


def test_three_words_by_hand():
    tokens = [*BYTES, b"bc", b"ab", b"abb"]
    agrees(hunt_strange_ids, ["ab"], tokens, {}, with_=oracle, gives=[[257]])
    agrees(hunt_strange_ids, ["abc a", "abbabc"], tokens, {}, with_=oracle, gives=[[97, 256, 32, 97], [258, 97, 256]])


@pytest.mark.card("hunt-merges-in-training-order")
def test_the_text_of_the_training():
    agrees(hunt_strange_ids, TRAINED_ON.split("\n"), TOKENS, {}, with_=oracle)


@pytest.mark.card("hunt-merges-in-training-order")
@pytest.mark.parametrize("word", [" engine", "counted", " engines", " stationary", " wagonette", " listened"])
def test_one_word(word):
    agrees(hunt_strange_ids, [word], TOKENS, {}, with_=oracle)


def test_words_that_training_never_saw():
    words = " restless ironstone, leather and seventeen santas; a slender thane listened: aeration, unattainable"
    agrees(hunt_strange_ids, [words, words.upper()], TOKENS, {}, with_=oracle)


def test_equal_neighbors_are_joined_from_the_left():
    tokens = [*BYTES, b"aa", b"aaaa"]
    agrees(hunt_strange_ids, ["aaa", "aaaaa", "aaaaaaa baaa"], tokens, {}, with_=oracle)


def test_special_tokens_have_ids_of_their_own():
    specials = {"<|end|>": 500, "<|pad|>": 501}
    agrees(hunt_strange_ids, ["<|end|>The train<|end|><|pad|>", "|end|"], TOKENS, specials, with_=oracle)


def test_without_texts_and_without_tokens():
    agrees(hunt_strange_ids, [], TOKENS, {}, with_=oracle)
    agrees(hunt_strange_ids, ["", "only bytes: é"], BYTES, {}, with_=oracle)


@settings(max_examples=10)
@given(st.text("abc ", min_size=20, max_size=80), st.text("abc ", max_size=20), st.integers(0, 12))
def test_any_tokenizer(text, served, merges):
    tokens = trained_without_twins(text, 256 + merges)
    agrees(hunt_strange_ids, [text, served], tokens, {}, with_=oracle)


def trained_without_twins(text, size):
    """As many tokens as training makes before it makes the same bytes from another pair."""
    tokens = list(BYTES)
    for left, right in train_bpe(dict(Counter(pretokenize(text))), size):
        if tokens[left] + tokens[right] in tokens:
            break
        tokens.append(tokens[left] + tokens[right])
    return tokens
