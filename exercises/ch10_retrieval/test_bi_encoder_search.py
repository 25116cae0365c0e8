"""One product, and the k largest scores."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch10_retrieval.bi_encoder_search import bi_encoder_search
from grader.checks import agrees, randn, strided
from reference.ch10_retrieval.bi_encoder_search import bi_encoder_search as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
DOCUMENTS = torch.tensor([[1.0, 1.0], [4.0, 0.0], [0.0, 2.0], [9.0, -9.0]])


@pytest.mark.card("bi-encoder-precomputes")
def test_four_documents_by_hand():
    agrees(bi_encoder_search, torch.tensor([[1.0, 2.0]]), DOCUMENTS, 3, with_=oracle, gives=[[[4, 4, 3]], [[1, 2, 0]]])


@pytest.mark.card("bi-encoder-precomputes")
def test_other_queries_rank_the_same_vectors_otherwise():
    queries = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    gives = [[[9, 4], [0, -1], [2, 1]], [[3, 1], [2, 0], [2, 0]]]
    agrees(bi_encoder_search, queries, DOCUMENTS, 2, with_=oracle, gives=gives)


@pytest.mark.card("dot-is-not-distance")
def test_the_largest_product_may_belong_to_a_far_vector():
    documents = torch.tensor([[1.0, 1.0], [5.0, 3.0], [0.9, 1.2]])
    agrees(bi_encoder_search, torch.tensor([[1.0, 1.0]]), documents, 1, with_=oracle, gives=[[[8]], [[1]]])


def test_equal_scores_keep_the_order_of_the_documents():
    documents = torch.tensor([[1.0], [2.0], [1.0], [2.0], [2.0], [1.0]] * 4)
    agrees(bi_encoder_search, torch.tensor([[3.0], [-1.0]]), documents, 14, with_=oracle)


def on_a_grid(x, parts):
    """Multiples of 1 / parts. Products of such numbers have exact sums in float32, so no order rests on rounding."""
    return (parts * x).round() / parts


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_close_scores_are_ranked_before_they_are_rounded(dtype, seed):
    queries, documents = (
        on_a_grid(randn(2, 12, seed=seed + 1), 64),
        on_a_grid(1 + 0.05 * randn(40, 12, seed=seed), 1024),
    )
    agrees(bi_encoder_search, queries.to(dtype), documents.to(dtype), 9, with_=oracle)


@pytest.mark.parametrize("dtypes", [(torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)], ids=str)
def test_documents_in_another_dtype_than_the_queries(dtypes, seed):
    queries, documents = on_a_grid(randn(2, 12, seed=seed), 64), on_a_grid(1 + 0.05 * randn(20, 12, seed=seed), 1024)
    agrees(bi_encoder_search, queries.to(dtypes[0]), documents.to(dtypes[1]), 5, with_=oracle)


def test_scores_beyond_fp16_still_have_an_order():
    queries, documents = torch.tensor([[300.0, 300.0]]), torch.tensor([[200.0, 100.0], [300.0, 300.0], [300.0, 10.0]])
    agrees(bi_encoder_search, queries.half(), documents.half(), 3, with_=oracle)


def test_scores_of_minus_ten_billion_are_ranked_too():
    queries, documents = torch.tensor([[1e10]]), torch.tensor([[-1.0], [-2.0], [-4.0]])
    agrees(bi_encoder_search, queries, documents, 3, with_=oracle, gives=[[[-1e10, -2e10, -4e10]], [[0, 1, 2]]])


def test_fewer_than_k_documents_are_all_returned(seed):
    queries, documents = on_a_grid(randn(2, 4, seed=seed), 64), on_a_grid(randn(3, 4, seed=seed + 1), 1024)
    agrees(bi_encoder_search, queries, documents, 5, with_=oracle)
    agrees(bi_encoder_search, randn(2, 4, seed=seed), torch.empty(0, 4), 5, with_=oracle)


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_a_value_error(k, seed):
    agrees(bi_encoder_search, randn(2, 4, seed=seed), randn(3, 4, seed=seed + 1), k, with_=oracle)


def test_strides_and_no_queries_make_no_difference(seed):
    queries, documents = on_a_grid(randn(3, 5, seed=seed), 64), on_a_grid(randn(6, 5, seed=seed + 1), 1024)
    agrees(bi_encoder_search, strided(queries), strided(documents), 4, with_=oracle)
    agrees(bi_encoder_search, torch.empty(0, 5), randn(6, 5, seed=seed), 4, with_=oracle)


@settings(max_examples=12)
@given(st.integers(1, 3), st.integers(1, 8), st.integers(1, 9), st.integers(0, 99))
def test_any_number_of_documents_in_whole_numbers(q, n, k, seed):
    queries, documents = randn(q, 3, seed=seed).mul(2).round(), randn(n, 3, seed=seed + 1).mul(2).round()
    agrees(bi_encoder_search, queries, documents, k, with_=oracle)
