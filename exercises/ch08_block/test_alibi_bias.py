"""A penalty that grows with the distance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch08_block.alibi_bias import alibi_bias
from grader.checks import agrees
from reference.ch08_block.alibi_bias import alibi_bias as oracle

HIDDEN = float("-inf")


@pytest.mark.card("alibi-by-distance")
def test_one_head_by_hand():
    gives = [[[0, HIDDEN, HIDDEN], [-0.0039, 0, HIDDEN], [-0.0078, -0.0039, 0]]]
    agrees(alibi_bias, 1, 3, 3, with_=oracle, gives=gives)


@pytest.mark.card("alibi-by-distance")
def test_two_heads_with_slopes_of_a_sixteenth_and_a_256th():
    gives = [[[0, HIDDEN], [-0.0625, 0]], [[0, HIDDEN], [-0.0039, 0]]]
    agrees(alibi_bias, 2, 2, 2, with_=oracle, gives=gives)


@pytest.mark.card("alibi-keeps-prefixes")
def test_a_new_token_against_a_cache_has_the_last_row_of_the_whole():
    agrees(alibi_bias, 2, 1, 4, with_=oracle, gives=[[[-0.1875, -0.125, -0.0625, 0]], [[-0.0117, -0.0078, -0.0039, 0]]])
    agrees(alibi_bias, 2, 3, 7, with_=oracle)


@pytest.mark.parametrize("heads", [4, 8, 16, 32])
def test_slopes_for_more_heads(heads):
    agrees(alibi_bias, heads, 3, 5, with_=oracle)


def test_distances_of_a_long_context():
    agrees(alibi_bias, 4, 1, 20_000, with_=oracle)


@pytest.mark.parametrize("n_q, n_k", [(4, 2), (0, 3), (1, 1)])
def test_queries_before_the_first_key_and_no_queries(n_q, n_k):
    agrees(alibi_bias, 2, n_q, n_k, with_=oracle)


@pytest.mark.parametrize("heads", [0, 3, 12, 112])
def test_heads_that_are_no_power_of_two_are_a_value_error(heads):
    agrees(alibi_bias, heads, 2, 2, with_=oracle)


@given(st.integers(0, 5), st.integers(0, 9), st.integers(0, 9))
def test_any_shape(log_heads, n_q, n_k):
    agrees(alibi_bias, 2**log_heads, n_q, n_k, with_=oracle)
