"""A run of n words that item and corpus share."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch11_model_cards.ngram_contamination import ngram_contamination
from grader.checks import agrees
from reference.ch11_model_cards.ngram_contamination import ngram_contamination as oracle

QUESTIONS = [
    "A train leaves at noon and arrives at four. How long does it travel?",
    "Ann has three apples and gives one away. How many are left?",
    "What is the capital of France?",
    "Name the largest planet.",
]
CORPUS = [
    "From a forum: ann has three apples and gives one to Tom, see above.",
    "The CAPITAL OF FRANCE is Paris; what is the capital of Spain?",
    "Noon and arrives at, train leaves. Planet largest the name.",
]


def test_two_items_by_hand():
    items, corpus = ["Where is the cat?", "Two and two"], ["I know where is the dog.", "two plus two"]
    agrees(ngram_contamination, items, corpus, 3, with_=oracle, gives=0.5)


@pytest.mark.card("contamination-by-n")
@pytest.mark.parametrize("n, gives", [(1, 1.0), (2, 0.75), (3, 0.75), (4, 0.75), (5, 0.5), (7, 0.25), (8, 0.0)])
def test_the_share_falls_as_the_run_grows(n, gives):
    agrees(ngram_contamination, QUESTIONS, CORPUS, n, with_=oracle, gives=gives)


def test_case_and_punctuation_hide_nothing():
    agrees(ngram_contamination, ["Is it HE? Yes"], ["is it he yes"], 4, with_=oracle, gives=1.0)
    agrees(ngram_contamination, ["über den Wolken"], ["ÜBER, DEN (Wolken)"], 3, with_=oracle, gives=1.0)


def test_whole_words_in_a_row_and_in_order():
    agrees(ngram_contamination, ["at the end"], ["that then ends at"], 2, with_=oracle, gives=0.0)
    agrees(ngram_contamination, ["the cat sat", "sat the cat"], ["cat sat the mat"], 2, with_=oracle, gives=1.0)
    agrees(ngram_contamination, ["the cat sat"], ["sat cat the"], 2, with_=oracle, gives=0.0)


def test_a_run_lies_within_one_document():
    agrees(ngram_contamination, ["one two three"], ["zero one", "two three four"], 3, with_=oracle, gives=0.0)


def test_the_last_run_of_a_text_counts():
    agrees(ngram_contamination, ["so one two three"], ["zero one two three"], 3, with_=oracle, gives=1.0)


@pytest.mark.card("short-items-escape")
def test_an_item_of_fewer_words_is_clean_though_the_corpus_has_it():
    agrees(ngram_contamination, ["Name the largest planet."], ["Name the largest planet: Jupiter."], 8, with_=oracle)


@pytest.mark.card("paraphrase-escapes")
def test_other_words_for_the_same_are_not_found():
    items = ["Ann has three apples and gives one away."]
    agrees(ngram_contamination, items, ["Ann owns 3 apples, of which she hands out one."], 3, with_=oracle, gives=0.0)


def test_without_a_corpus_nothing_is_contaminated():
    agrees(ngram_contamination, ["one two", "three"], [], 1, with_=oracle, gives=0.0)
    agrees(ngram_contamination, ["one two", ""], ["", "?"], 1, with_=oracle, gives=0.0)


@pytest.mark.parametrize("case", [([], ["a b"], 2), (["a"], ["a b"], 0)], ids=str)
def test_what_has_no_share_is_a_value_error(case):
    agrees(ngram_contamination, *case, with_=oracle)


TEXTS = st.lists(st.lists(st.sampled_from(["a", "b", "ab"]), max_size=5).map(" ".join), min_size=1, max_size=4)


@settings(max_examples=20)
@given(TEXTS, TEXTS, st.integers(1, 4))
def test_any_texts(items, corpus, n):
    agrees(ngram_contamination, items, corpus, n, with_=oracle)
