"""The same text, whatever its tokens."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.bits_per_byte import bits_per_byte
from grader.checks import agrees
from reference.ch15_model.bits_per_byte import bits_per_byte as oracle

BIT = math.log(2)  # in nats


@pytest.mark.card("bits-per-byte-formula")
def test_three_tokens_of_two_bits_by_hand():
    agrees(bits_per_byte, 2 * BIT, 3, "aé!", with_=oracle, gives=1.5)


@pytest.mark.card("bits-per-byte-formula")
def test_a_fair_guess_among_256_bytes_costs_eight_bits():
    agrees(bits_per_byte, math.log(256), 10, "Once upon.", with_=oracle, gives=8.0)


@pytest.mark.card("perplexity-needs-a-tokenizer")
@pytest.mark.parametrize("tokens, perplexity", [(9, 4), (3, 64)])
def test_one_probability_has_one_number_of_bits_and_a_perplexity_for_each_tokenizer(tokens, perplexity):
    text = "once upon"  # with probability 2⁻¹⁸, whatever the tokens are
    loss = 18 * BIT / tokens
    assert math.isclose(math.exp(loss), perplexity)
    agrees(bits_per_byte, loss, tokens, text, with_=oracle, gives=2.0)


@pytest.mark.card("bits-per-byte-formula")
@pytest.mark.parametrize("text", ["naïve", "Ελλάδα και Ολλανδία", "日本 の 話", "a 🙂 b", " \n\t "], ids=ascii)
def test_bytes_of_utf_8_count(text):
    agrees(bits_per_byte, 1.7, 6, text, with_=oracle)


def test_a_model_that_is_certain_needs_no_bits():
    agrees(bits_per_byte, 0.0, 4, "Once upon", with_=oracle, gives=0.0)


@pytest.mark.parametrize("tokens", [0, 3])
def test_an_empty_text_is_a_value_error(tokens):
    agrees(bits_per_byte, 2.5, tokens, "", with_=oracle)


@settings(max_examples=30)
@given(st.floats(0, 12), st.integers(0, 500), st.text(min_size=1, max_size=12))
def test_any_text(loss, tokens, text):
    agrees(bits_per_byte, loss, tokens, text, with_=oracle)
