"""Normalize, then multiply."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch10_retrieval.cosine_as_dot import cosine_as_dot
from grader.checks import agrees, randn, signal, strided
from reference.ch10_retrieval.cosine_as_dot import cosine_as_dot as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.card("cosine-is-a-dot")
def test_one_query_and_four_documents_by_hand():
    documents = torch.tensor([[5.0, 0.0], [3.0, 4.0], [0.0, -2.0], [0.0, 0.0]])
    agrees(cosine_as_dot, torch.tensor([[1.0, 0.0]]), documents, with_=oracle, gives=[[1.0, 0.6, 0.0, 0.0]])


@pytest.mark.card("cosine-ignores-length")
def test_a_long_document_does_not_beat_a_close_one():
    """By dot product the second wins, 30 to 24; by cosine the first, 0.96 to 0.6."""
    queries, documents = torch.tensor([[3.0, 4.0]]), torch.tensor([[4.0, 3.0], [10.0, 0.0], [-3.0, -4.0]])
    agrees(cosine_as_dot, queries, documents, with_=oracle, gives=[[0.96, 0.6, -1.0]])


@pytest.mark.card("cosine-ignores-length")
def test_ten_times_the_vector_has_the_same_cosine():
    queries, documents = torch.tensor([[2.0, 1.0], [20.0, 10.0]]), torch.tensor([[1.0, 1.0], [0.1, 0.1]])
    agrees(cosine_as_dot, queries, documents, with_=oracle, gives=[[0.9487, 0.9487]] * 2)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_queries_and_documents_of_every_dtype(dtype, seed):
    queries, documents = randn(3, 256, seed=seed), randn(5, 256, seed=seed + 1)
    agrees(cosine_as_dot, queries.to(dtype), (documents + queries[:1]).to(dtype), with_=oracle)


@pytest.mark.parametrize("dtypes", [(torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)], ids=str)
def test_documents_in_another_dtype_than_the_queries(dtypes, seed):
    queries, documents = randn(3, 16, seed=seed), randn(5, 16, seed=seed + 1)
    agrees(cosine_as_dot, queries.to(dtypes[0]), documents.to(dtypes[1]), with_=oracle)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize("kind", ["large", "tiny", "huge", "offset"])
def test_vectors_of_every_size(kind, dtype, seed):
    queries, documents = signal(kind, 2, 8, dtype=dtype, seed=seed), signal(kind, 3, 8, dtype=dtype, seed=seed + 1)
    agrees(cosine_as_dot, queries, documents, with_=oracle)


@pytest.mark.parametrize("widths", [(5, 4), (1, 4), (4, 1)], ids=str)
def test_another_width_is_a_value_error(widths, seed):
    agrees(cosine_as_dot, randn(2, widths[0], seed=seed), randn(3, widths[1], seed=seed), with_=oracle)


def test_rows_of_zeros_on_either_side_have_cosine_zero(seed):
    x = randn(3, 4, seed=seed)
    x[1] = 0
    agrees(cosine_as_dot, x, x, with_=oracle)


def test_strides_and_no_documents_make_no_difference(seed):
    agrees(cosine_as_dot, strided(randn(2, 6, seed=seed)), strided(randn(4, 6, seed=seed + 1)), with_=oracle)
    agrees(cosine_as_dot, randn(2, 6, seed=seed), torch.empty(0, 6), with_=oracle)


@settings(max_examples=12)
@given(st.integers(0, 4), st.integers(0, 4), st.integers(1, 6), st.integers(0, 99))
def test_any_number_of_queries_and_documents(q, n, d, seed):
    agrees(cosine_as_dot, randn(q, d, seed=seed), randn(n, d, seed=seed + 1), with_=oracle)
