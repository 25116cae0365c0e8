"""Three loops: queries, keys, width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch07_attention.scores_by_loops import scores_by_loops
from grader.checks import agrees, randn
from reference.ch07_attention.scores_by_loops import scores_by_loops as oracle


def short(rows, d, seed):
    """Random numbers with two decimals, easy to read in a failure."""
    return [[round(x, 2) for x in row] for row in randn(rows, d, seed=seed).tolist()]


@pytest.mark.card("score-is-a-dot-product")
def test_the_query_of_cat_meets_the_keys_of_the_cat_sat():
    cat = [[1.0, 2.0]]
    keys = [[0.1, 1.0], [2.5, 2.0], [1.4, 1.0]]
    agrees(scores_by_loops, cat, keys, with_=oracle, gives=[[2.1, 6.5, 3.4]])


@pytest.mark.card("score-is-a-dot-product")
def test_two_queries_and_three_keys_make_two_rows_of_three():
    q, k = [[1.0, 2.0], [0.0, 1.0]], [[3.0, 4.0], [1.0, -1.0], [0.0, 5.0]]
    agrees(scores_by_loops, q, k, with_=oracle, gives=[[11.0, -1.0, 10.0], [4.0, -1.0, 5.0]])


def test_more_queries_than_keys():
    q, k = (
        [[1.0, 0.0, 2.0], [3.0, 1.0, 0.0], [0.0, 2.0, 1.0], [1.0, 1.0, 1.0]],
        [[2.0, 5.0, 1.0], [4.0, 0.0, 3.0]],
    )
    agrees(scores_by_loops, q, k, with_=oracle)


@pytest.mark.parametrize("n_q, n_k, d", [(3, 3, 4), (2, 5, 8), (3, 1, 4), (1, 1, 1)])
def test_vectors_of_any_width(n_q, n_k, d, seed):
    q, k = short(n_q, d, seed), short(n_k, d, seed + 1)
    agrees(scores_by_loops, q, k, with_=oracle)


@pytest.mark.parametrize(
    "wide, narrow", [([[1.0, 2.0, 3.0]], [[1.0, 2.0]]), ([[1.0, 2.0]], [[1.0]])], ids=["3 and 2", "2 and 1"]
)
def test_widths_that_differ_are_a_value_error(wide, narrow):
    agrees(scores_by_loops, wide, narrow, with_=oracle)
    agrees(scores_by_loops, narrow, wide, with_=oracle)
    agrees(scores_by_loops, narrow, narrow + wide, with_=oracle)
    agrees(scores_by_loops, narrow + wide, narrow, with_=oracle)


def test_no_keys_give_empty_rows_and_no_queries_give_no_rows():
    agrees(scores_by_loops, [[1.0], [2.0]], [], with_=oracle, gives=[[], []])
    agrees(scores_by_loops, [], [[1.0], [2.0]], with_=oracle, gives=[])


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.data())
def test_any_table_of_small_whole_numbers(n_q, n_k, d, data):
    vectors = st.lists(st.integers(-9, 9).map(float), min_size=d, max_size=d)
    q = data.draw(st.lists(vectors, min_size=n_q, max_size=n_q))
    k = data.draw(st.lists(vectors, min_size=n_k, max_size=n_k))
    agrees(scores_by_loops, q, k, with_=oracle)
