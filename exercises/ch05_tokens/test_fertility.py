"""The same text with more tokens."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch05_tokens.fertility import fertility
from grader.checks import agrees
from reference.ch05_tokens.fertility import fertility as oracle
from reference.ch05_tokens.train_bpe import train_bpe

# The Universal Declaration of Human Rights, the first sentence of Article 1.
ARTICLE_1 = {
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "Finnish": "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan.",
    "English": "All human beings are born free and equal in dignity and rights.",
    "Turkish": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar.",
}
ENGLISH = (
    "no one shall be held in slavery and all are equal in the rights and the dignity of human beings born free and"
)
MERGES = train_bpe(Counter(ENGLISH.split()), 300)
AB = [(97, 98)]


def test_four_tokens_for_two_by_hand():
    same = {"fertility": 1.0, "attention": 1.0, "model": 1.0}
    gives = {"en": same, "xx": {"fertility": 2.0, "attention": 4.0, "model": 2.5}}
    agrees(fertility, {"en": "ab ab", "xx": "ba ba"}, AB, 1, "en", with_=oracle, gives=gives)


@pytest.mark.card("fertility-of-languages", "fertility-is-bytes-first", "tokens-cost-nearly-linear")
def test_one_sentence_in_four_languages_by_a_table_for_english():
    agrees(fertility, ARTICLE_1, MERGES, 64, "English", with_=oracle)


@pytest.mark.card("tokens-cost-nearly-linear")
def test_twice_the_tokens_of_a_short_text_cost_a_wide_model_twice_as_much():
    texts = {"base": "ab ab ab ab", "double": "ba ba ba ba"}
    base = {"fertility": 1.0, "attention": 1.0, "model": 1.0}
    gives = {"base": base, "double": {"fertility": 2.0, "attention": 4.0, "model": 2.0003}}
    agrees(fertility, texts, AB, 4096, "base", with_=oracle, gives=gives)


@pytest.mark.card("attention-half-at-6-d")
def test_at_six_times_d_model_twice_the_tokens_cost_three_times_as_much():
    texts = {"base": "ab " * 12, "double": "ba " * 12}
    base = {"fertility": 1.0, "attention": 1.0, "model": 1.0}
    gives = {"base": base, "double": {"fertility": 2.0, "attention": 4.0, "model": 3.0}}
    agrees(fertility, texts, AB, 2, "base", with_=oracle, gives=gives)


@pytest.mark.card("attention-half-at-6-d")
def test_far_beyond_it_they_cost_nearly_four_times_as_much():
    agrees(fertility, {"base": "ab " * 200, "double": "ba " * 200}, AB, 1, "base", with_=oracle)


@pytest.mark.card("fertility-is-bytes-first")
def test_a_letter_costs_its_bytes_where_nothing_is_merged():
    agrees(fertility, {"en": "lambda", "el": "λάμδα", "hi": "लैम्डा"}, AB, 8, "en", with_=oracle)


def test_fewer_words_of_more_tokens_are_not_dearer():
    texts = {"en": "ab ab ab ab", "xx": "babb"}
    agrees(fertility, texts, AB, 2, "en", with_=oracle)


def test_a_word_that_comes_again_is_paid_for_again():
    agrees(fertility, {"en": "ab ab ba ab", "xx": "ba cd ba"}, AB, 2, "en", with_=oracle)


def test_any_white_space_parts_words():
    agrees(fertility, {"en": "ab  ab\nab\tc", "xx": " ba\n\nab  cd "}, AB, 2, "en", with_=oracle)


@pytest.mark.parametrize("base", ["en", "xx"])
def test_a_text_without_words_is_a_value_error(base):
    agrees(fertility, {"en": "ab", "xx": " \n"}, AB, 2, base, with_=oracle)


WORDS = st.lists(st.sampled_from(["ab", "ba", "abé", "c"]), min_size=1, max_size=4).map(" ".join)


@given(WORDS, WORDS, st.integers(1, 100))
def test_any_two_texts(ours, theirs, d_model):
    agrees(fertility, {"a": ours, "b": theirs}, AB, d_model, "b", with_=oracle)
