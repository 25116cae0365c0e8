"""No query sees a later key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch07_attention.causal_mask import causal_mask
from grader.checks import agrees
from reference.ch07_attention.causal_mask import causal_mask as oracle

HIDDEN = float("-inf")


@pytest.mark.card("causal-mask")
def test_three_tokens_by_hand():
    agrees(causal_mask, 3, 3, with_=oracle, gives=[[0, HIDDEN, HIDDEN], [0, 0, HIDDEN], [0, 0, 0]])


@pytest.mark.card("causal-mask-cache")
def test_two_new_tokens_against_a_cache():
    agrees(causal_mask, 2, 5, with_=oracle, gives=[[0, 0, 0, 0, HIDDEN], [0, 0, 0, 0, 0]])


@pytest.mark.card("causal-mask-cache")
def test_one_new_token_sees_the_whole_cache():
    agrees(causal_mask, 1, 6, with_=oracle)


def test_queries_before_the_first_key_see_nothing():
    agrees(causal_mask, 4, 2, with_=oracle)


@pytest.mark.parametrize("n_q, n_k", [(0, 3), (3, 0), (0, 0), (1, 1)])
def test_the_smallest_masks(n_q, n_k):
    agrees(causal_mask, n_q, n_k, with_=oracle)


@given(st.integers(0, 20), st.integers(0, 20))
def test_any_number_of_queries_and_keys(n_q, n_k):
    agrees(causal_mask, n_q, n_k, with_=oracle)
