"""Which system reads which texts, and when."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch10_retrieval.rerank_cost import rerank_cost
from grader.checks import agrees
from reference.ch10_retrieval.rerank_cost import rerank_cost as oracle


def costs(before: int, passes: int, tokens: int) -> dict[str, int]:
    return {"before": before, "passes": passes, "tokens": tokens}


@pytest.mark.card("bi-and-cross-encoder")
def test_a_thousand_documents_by_hand():
    gives = {"bi": costs(1000, 1, 20), "cross": costs(0, 1000, 220_000), "rerank": costs(1000, 51, 11_020)}
    agrees(rerank_cost, 1000, 50, 20, 200, with_=oracle, gives=gives)


@pytest.mark.card("bi-and-cross-encoder", "rerank-does-not-grow")
def test_of_a_million_documents_the_reranker_still_reads_a_hundred():
    gives = {
        "bi": costs(1_000_000, 1, 32),
        "cross": costs(0, 1_000_000, 288_000_000),
        "rerank": costs(1_000_000, 101, 28_832),
    }
    agrees(rerank_cost, 1_000_000, 100, 32, 256, with_=oracle, gives=gives)


def test_a_shortlist_longer_than_the_collection_is_the_collection():
    agrees(rerank_cost, 7, 50, 10, 30, with_=oracle)


def test_a_shortlist_of_none_is_the_bi_encoder_alone():
    agrees(rerank_cost, 7, 0, 10, 30, with_=oracle)


def test_without_documents_the_query_is_embedded_all_the_same():
    agrees(rerank_cost, 0, 5, 10, 30, with_=oracle)


@pytest.mark.parametrize("place", range(4))
def test_a_negative_number_is_a_value_error(place):
    numbers = [9, 5, 10, 30]
    numbers[place] = -1
    agrees(rerank_cost, *numbers, with_=oracle)


@settings(max_examples=15)
@given(st.integers(0, 300), st.integers(0, 60), st.integers(0, 40), st.integers(0, 500))
def test_any_collection(documents, shortlist, query_tokens, document_tokens):
    agrees(rerank_cost, documents, shortlist, query_tokens, document_tokens, with_=oracle)
