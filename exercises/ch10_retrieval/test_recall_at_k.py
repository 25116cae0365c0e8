"""How much was found, and how far down."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch10_retrieval.recall_at_k import mean_reciprocal_rank, recall_at_k
from grader.checks import agrees
from reference.ch10_retrieval.recall_at_k import mean_reciprocal_rank as rank_oracle
from reference.ch10_retrieval.recall_at_k import recall_at_k as recall_oracle

RANKINGS = [[7, 3, 9, 1, 8], [2, 4, 6], [5, 8, 0, 2], [6, 1, 7, 3, 2]]
RELEVANT = [[1, 3, 5], [2], [4], [3, 1, 8, 0, 7]]


def test_three_relevant_documents_by_hand():
    agrees(recall_at_k, [[7, 3, 9, 1]], [[3, 1, 5]], 3, with_=recall_oracle, gives=0.3333)
    agrees(recall_at_k, [[7, 3, 9, 1], [2, 4]], [[3, 1, 5], [2]], 4, with_=recall_oracle, gives=0.8333)


@pytest.mark.card("recall-is-the-ceiling")
@pytest.mark.parametrize("k, gives", [(1, 0.25), (2, 0.3833), (3, 0.4333), (5, 0.5667), (99, 0.5667)])
def test_recall_grows_with_k_as_far_as_the_rankings_go(k, gives):
    agrees(recall_at_k, RANKINGS, RELEVANT, k, with_=recall_oracle, gives=gives)


@pytest.mark.card("recall-at-a-small-k")
def test_with_five_relevant_documents_recall_at_3_cannot_reach_1():
    agrees(recall_at_k, [[1, 2, 3, 4, 5]], [[1, 2, 3, 4, 5]], 3, with_=recall_oracle, gives=0.6)


def test_a_query_counts_as_much_as_another_however_many_documents_it_has():
    agrees(recall_at_k, [[1, 9], [2, 3]], [[1], [2, 3, 4, 5, 6, 7]], 2, with_=recall_oracle, gives=0.6667)


@pytest.mark.parametrize(
    "case", [([[1]], [[1]], 0), ([[1]], [[1]], -1), ([], [], 3), ([[1], [2]], [[1], []], 3)], ids=str
)
def test_what_has_no_recall_is_a_value_error(case):
    agrees(recall_at_k, *case, with_=recall_oracle)


def test_a_second_place_a_first_place_and_a_miss_by_hand():
    agrees(mean_reciprocal_rank, [[7, 3, 9, 1], [2, 4], [5]], [[3, 1], [2], [8]], with_=rank_oracle, gives=0.5)


@pytest.mark.card("mrr-sees-the-first")
def test_only_the_first_relevant_document_matters():
    agrees(mean_reciprocal_rank, [[1, 9, 2], [1, 2, 9]], [[1, 2], [1, 2]], with_=rank_oracle, gives=1.0)


def test_ranks_of_four_queries():
    agrees(mean_reciprocal_rank, RANKINGS, RELEVANT, with_=rank_oracle, gives=0.5)
    agrees(mean_reciprocal_rank, [[9, 8, 7, 1], [9, 1]], [[1, 2], [3, 1]], with_=rank_oracle, gives=0.375)


def test_a_query_that_finds_nothing_counts_as_zero():
    agrees(mean_reciprocal_rank, [[4, 5], []], [[1], [1]], with_=rank_oracle, gives=0.0)
    agrees(mean_reciprocal_rank, [[4, 5], [1]], [[], [1]], with_=rank_oracle, gives=0.5)


def test_without_queries_there_is_no_mean():
    agrees(mean_reciprocal_rank, [], [], with_=rank_oracle)


LISTS = st.lists(
    st.tuples(st.permutations(range(6)), st.integers(0, 6), st.sets(st.integers(0, 7), min_size=1, max_size=4)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=15)
@given(LISTS, st.integers(1, 7))
def test_any_rankings(queries, k):
    rankings, relevant = [r[:n] for r, n, _ in queries], [sorted(right) for _, _, right in queries]
    agrees(recall_at_k, rankings, relevant, k, with_=recall_oracle)
    agrees(mean_reciprocal_rank, rankings, relevant, with_=rank_oracle)
