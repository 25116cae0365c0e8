"""Up to which length is the needle found?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch11_model_cards.effective_context import effective_context, perplexity
from grader.checks import agrees
from reference.ch11_model_cards.effective_context import effective_context as oracle
from reference.ch11_model_cards.effective_context import perplexity as perplexity_oracle


def trials(**found: str) -> list[tuple[int, bool]]:
    """k4="xx.": at 4096 tokens found, found, not found."""
    return [(1024 * int(k[1:]), mark == "x") for k, marks in found.items() for mark in marks]


def test_four_lengths_by_hand():
    agrees(effective_context, trials(k4="xx", k8="..", k16="xx", k32=".."), 0.9, with_=oracle, gives=4096)


@pytest.mark.card("effective-context")
def test_a_length_that_passes_after_one_that_fails_does_not_count():
    tried = trials(k4="xxxx", k16="xxx.", k32="x...", k64="xxxx", k128="....")
    agrees(effective_context, tried, 0.75, with_=oracle, gives=16384)


@pytest.mark.card("effective-context")
@pytest.mark.parametrize("bar, gives", [(0.0, 131072), (0.5, 65536), (0.6, 32768), (0.8, 4096), (1.0, 4096)])
def test_the_bar_decides_how_long_it_is(bar, gives):
    tried = trials(k4="xxxxx", k32=".x.xx", k64="xx..", k128=".....")
    agrees(effective_context, tried, bar, with_=oracle, gives=gives)


def test_lengths_in_any_order_and_mixed():
    tried = trials(k64="..x", k8="xx", k128=".", k2="xx") + trials(k8=".x", k2="x", k64="x")
    agrees(effective_context, tried, 0.7, with_=oracle, gives=8192)
    agrees(effective_context, trials(k32="xxx", k4="x.", k8="x", k16="xx"), 0.5, with_=oracle, gives=32768)


def test_good_short_texts_do_not_make_up_for_a_long_one():
    agrees(effective_context, trials(k1="xxxxxxxxx", k2="xxxxxxxxx", k4="x."), 0.8, with_=oracle, gives=2048)


def test_if_the_shortest_fails_nothing_is_left():
    agrees(effective_context, trials(k4="x..", k8="xxx"), 0.5, with_=oracle, gives=0)


def test_without_trials_there_is_no_length():
    agrees(effective_context, [], 0.5, with_=oracle)


def test_perplexity_of_two_tokens_by_hand():
    agrees(perplexity, [0.5, 0.125], with_=perplexity_oracle, gives=4.0)


@pytest.mark.card("perplexity-hides-retrieval")
def test_a_needle_that_is_missed_hardly_moves_the_perplexity_of_a_long_text():
    text = [0.5, 0.25] * 2000
    agrees(perplexity, [*text, 0.9], with_=perplexity_oracle, gives=2.8278)
    agrees(perplexity, [*text, 1e-6], with_=perplexity_oracle, gives=2.8375)


def test_certain_tokens_and_impossible_ones():
    agrees(perplexity, [1.0, 1.0, 1.0], with_=perplexity_oracle, gives=1.0)
    agrees(perplexity, [0.5, 0.0, 0.5], with_=perplexity_oracle, gives=float("inf"))
    agrees(perplexity, [], with_=perplexity_oracle)


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.sampled_from([512, 1024, 4096, 16384]), st.booleans()), min_size=1, max_size=9),
    st.sampled_from([0.3, 0.5, 0.9]),
)
def test_any_trials(tried, bar):
    agrees(effective_context, tried, bar, with_=oracle)
    agrees(perplexity, [length / 20000 for length, _ in tried], with_=perplexity_oracle)
