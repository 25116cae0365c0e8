"""Every token of the query finds its best match."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch10_retrieval.maxsim import maxsim
from grader.checks import agrees, randn, seeded, signal, strided
from reference.ch10_retrieval.maxsim import maxsim as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
QUERY = torch.tensor([[1.0, 0.0], [0.0, 1.0]])


def ragged(n: int, t: int, seed: int) -> torch.Tensor:
    """Documents of 1 to t tokens."""
    return torch.arange(t) < torch.randint(1, t + 1, (n, 1), generator=seeded(seed))


@pytest.mark.card("colbert-maxsim")
def test_two_tokens_against_three_by_hand():
    documents = torch.tensor([[[2.0, 0.0], [0.5, 1.0], [-1.0, 3.0]]] * 2)
    mask = torch.tensor([[True, True, True], [True, True, False]])
    agrees(maxsim, QUERY, documents, mask, with_=oracle, gives=[5.0, 3.0])


@pytest.mark.card("maxsim-and-pooling")
def test_two_documents_whose_means_are_the_same():
    """Pooled, both are [0.5, 0.5] and score the same; token by token the first has both that are asked for."""
    documents = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]])
    agrees(maxsim, QUERY, documents, torch.ones(2, 2, dtype=torch.bool), with_=oracle, gives=[2.0, 1.0])


@pytest.mark.card("maxsim-filling")
def test_filling_does_not_beat_tokens_that_point_away():
    documents = torch.tensor(
        [[[-1.0, -2.0], [-3.0, -1.0], [0.0, 0.0]], [[-2e5, -3e5], [0.0, torch.inf], [7.0, torch.nan]]]
    )
    mask = torch.tensor([[True, True, False], [True, False, False]])
    agrees(maxsim, QUERY, documents, mask, with_=oracle, gives=[-2.0, -500_000.0])


def test_a_document_without_tokens_comes_last(seed):
    mask = torch.tensor([[True, True], [False, False], [False, True]])
    agrees(maxsim, randn(3, 4, seed=seed), randn(3, 2, 4, seed=seed + 1), mask, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_queries_of_thirty_two_tokens(dtype, seed):
    documents = randn(4, 9, 16, dtype=dtype, seed=seed + 1)
    agrees(maxsim, randn(32, 16, dtype=dtype, seed=seed), documents, ragged(4, 9, seed), with_=oracle)


@pytest.mark.parametrize("dtypes", [(torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)], ids=str)
def test_documents_in_another_dtype_than_the_query(dtypes, seed):
    query, documents = randn(3, 8, seed=seed).to(dtypes[0]), randn(4, 5, 8, seed=seed + 1).to(dtypes[1])
    agrees(maxsim, query, documents, ragged(4, 5, seed), with_=oracle)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32], ids=str)
def test_large_vectors(dtype, seed):
    query, documents = signal("large", 3, 5, dtype=dtype, seed=seed), signal("large", 4, 6, 5, dtype=dtype, seed=seed)
    agrees(maxsim, query, documents, ragged(4, 6, seed), with_=oracle)


def test_strides_and_no_documents_make_no_difference(seed):
    documents = strided(randn(3, 5, 4, seed=seed + 1))
    agrees(maxsim, strided(randn(2, 4, seed=seed)), documents, ragged(3, 5, seed), with_=oracle)
    mask = torch.tensor([[True], [False], [True]])
    agrees(maxsim, randn(2, 4, seed=seed), randn(3, 1, 4, seed=seed + 1), mask, with_=oracle)
    agrees(maxsim, randn(2, 4, seed=seed), torch.empty(0, 5, 4), torch.empty(0, 5, dtype=torch.bool), with_=oracle)


@settings(max_examples=12)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))
def test_any_query_and_documents(q, n, t, seed):
    agrees(maxsim, randn(q, 3, seed=seed), randn(n, t, 3, seed=seed + 1), ragged(n, t, seed), with_=oracle)
