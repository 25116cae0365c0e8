"""Which n-grams occurred before?"""

from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch09_decoding.repetition_rate import repetition_rate
from grader.checks import agrees, randn, seeded
from reference.ch09_decoding.beam_search import beam_search
from reference.ch09_decoding.repetition_rate import repetition_rate as oracle
from reference.ch09_decoding.sample import sample
from reference.ch09_decoding.top_p import top_p

LENGTH = 60


def one_table(seed):
    """Logits of a model that looks at the last of 30 tokens; the last of them, which would end a text, is ruled out."""
    table = 2 * randn(30, 30, seed=seed)
    table[:, -1] = -50
    return table


@cache
def by_beam(seed):
    return beam_search(one_table(seed), 0, 29, 4, LENGTH, 1.0)[0]


@cache
def by_nucleus(seed, mass=0.95):
    p, text = torch.softmax(one_table(seed), -1), [0]
    for u in torch.rand(LENGTH, generator=seeded(seed)):
        text.append(int(sample(top_p(p[text[-1]], mass), u)))
    return text[1:]


@pytest.mark.parametrize("tokens, n, gives", [([1, 2, 1, 2, 1], 2, 0.5), ([7, 7, 7, 7], 1, 0.75), ([1, 2, 3], 2, 0.0)])
def test_small_texts_by_hand(tokens, n, gives):
    agrees(repetition_rate, tokens, n, with_=oracle, gives=gives)


@pytest.mark.card("beam-search-repeats", "nucleus-repeats-less")
@pytest.mark.parametrize("n", [2, 4])
def test_beam_search_and_nucleus_sampling_from_one_table(n):
    agrees(repetition_rate, by_beam(0), n, with_=oracle)
    agrees(repetition_rate, by_nucleus(0), n, with_=oracle)


def test_an_n_gram_comes_back_after_a_while():
    agrees(repetition_rate, [1, 2, 3, 9, 1, 2, 3, 8, 7, 1, 2, 3], 3, with_=oracle)
    agrees(repetition_rate, [5, 6, 0, 5, 6, 1, 2, 5, 6], 2, with_=oracle)


def test_the_order_and_the_number_of_its_tokens_make_an_n_gram():
    agrees(repetition_rate, [1, 2, 1, 3, 3, 1], 2, with_=oracle, gives=0.0)
    agrees(repetition_rate, [1, 1, 2, 1, 2, 2], 3, with_=oracle, gives=0.0)
    agrees(repetition_rate, [1, 11, 11, 1], 2, with_=oracle, gives=0.0)


def test_the_last_n_gram_counts_and_it_is_whole():
    agrees(repetition_rate, [1, 2, 3, 1, 2], 2, with_=oracle, gives=0.25)
    agrees(repetition_rate, [4, 2, 3, 1, 4], 2, with_=oracle, gives=0.0)
    agrees(repetition_rate, [4, 2, 3, 1, 3], 2, with_=oracle, gives=0.0)


@pytest.mark.parametrize("tokens, n, gives", [([], 1, 0.0), ([3, 3], 3, 0.0), ([3, 3], 2, 0.0), ([3, 3], 1, 0.5)])
def test_texts_of_no_more_than_one_n_gram(tokens, n, gives):
    agrees(repetition_rate, tokens, n, with_=oracle, gives=gives)


@pytest.mark.parametrize("n", [0, -2])
def test_n_below_one_is_a_value_error(n):
    agrees(repetition_rate, [1, 2, 3], n, with_=oracle)
    agrees(repetition_rate, [], n, with_=oracle)


@given(st.lists(st.integers(0, 2), max_size=12), st.integers(1, 4))
def test_any_text(tokens, n):
    agrees(repetition_rate, tokens, n, with_=oracle)
