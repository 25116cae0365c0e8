"""Which documents still come out on top."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch10_retrieval.embedding_precision import embedding_precision
from grader.checks import agrees, randn, strided
from reference.ch10_retrieval.embedding_precision import embedding_precision as oracle


def close(n: int, d: int, *, spread: float, seed: int) -> torch.Tensor:
    """Documents that differ little from each other, so that rounding them changes ranks."""
    return randn(1, d, seed=seed) + spread * randn(n, d, seed=seed + 1)


def outlier(x: torch.Tensor, size: float) -> torch.Tensor:
    """The same documents with one large number in each. This number varies by a tenth."""
    x = x.clone()
    x[:, 2] = size * (1 + 0.1 * x[:, 2])
    return x


@pytest.mark.card("bf16-ranks-coarser")
def test_three_documents_by_hand():
    gives = {"fp16": 1.0, "bf16": 0.0, "int8": 1.0}
    agrees(embedding_precision, torch.ones(1, 1), torch.tensor([[1.0], [1.001], [1.002]]), 1, with_=oracle, gives=gives)


@pytest.mark.card("bf16-ranks-coarser")
def test_of_two_hundred_documents_that_resemble_each_other_bf16_loses_more_than_fp16():
    queries, documents = randn(20, 32), close(200, 32, spread=0.1, seed=1)
    gives = {"fp16": 0.995, "bf16": 0.985, "int8": 0.95}
    agrees(embedding_precision, queries, documents, 10, with_=oracle, gives=gives)


@pytest.mark.card("outliers-within-fp16")
def test_an_outlier_of_10_000_costs_fp16_nothing_and_bf16_seven_in_a_hundred():
    queries, documents = randn(20, 32), outlier(randn(200, 32, seed=1), 1e4)
    gives = {"fp16": 1.0, "bf16": 0.93, "int8": 0.965}
    agrees(embedding_precision, queries, documents, 10, with_=oracle, gives=gives)


@pytest.mark.card("outliers-in-int8")
def test_an_outlier_of_300_takes_the_room_of_its_own_document_in_int8():
    queries, documents = randn(20, 32), randn(200, 32, seed=1)
    gives = {"fp16": 1.0, "bf16": 1.0, "int8": 0.995}
    agrees(embedding_precision, queries, documents, 10, with_=oracle, gives=gives)
    gives = {"fp16": 1.0, "bf16": 0.995, "int8": 0.82}
    agrees(embedding_precision, queries, outlier(documents, 300.0), 10, with_=oracle, gives=gives)


@pytest.mark.card("outliers-past-fp16")
def test_beyond_65_504_fp16_has_no_ranking_left():
    queries, documents = randn(20, 32), outlier(randn(200, 32, seed=1), 1e6)
    gives = {"fp16": 0.05, "bf16": 0.925, "int8": 1.0}
    agrees(embedding_precision, queries, documents, 10, with_=oracle, gives=gives)


@pytest.mark.card("outliers-past-fp16")
def test_very_small_numbers_are_the_other_end_of_fp16():
    queries, documents = randn(20, 32), 1e-6 * randn(200, 32, seed=1)
    agrees(embedding_precision, queries, documents, 10, with_=oracle, gives={"fp16": 0.975, "bf16": 1.0, "int8": 0.995})


def test_two_outliers_may_make_nan_of_a_score():
    documents = torch.tensor([[7e4, 7e4, 1.0], [1.0, 2.0, 3.0], [2.0, 2.0, 2.0], [-7e4, 1.0, 1.0]])
    agrees(embedding_precision, torch.tensor([[1.0, -1.0, 1.0], [1.0, 0.0, 1.0]]), documents, 2, with_=oracle)
    agrees(embedding_precision, torch.tensor([[1.0, -1.0, -1.0], [0.0, 1.0, 1.0]]), documents, 3, with_=oracle)


def test_a_score_that_is_nan_ranks_below_minus_ten_billion_and_inf_above_the_largest():
    queries, far = torch.tensor([[1e6, -1e6]]), torch.tensor([[7e4, 7e4], [-5e4, 0.0]])
    agrees(embedding_precision, queries, far, 1, with_=oracle, gives={"fp16": 0.0, "bf16": 1.0, "int8": 1.0})
    near = torch.tensor([[6e4, 0.0], [7e4, 0.0]])
    agrees(embedding_precision, queries, near, 1, with_=oracle, gives={"fp16": 1.0, "bf16": 1.0, "int8": 1.0})


@pytest.mark.parametrize("spread", [0.003, 0.03])
def test_documents_that_are_close_to_each_other(spread, seed):
    documents = close(30, 8, spread=spread, seed=seed)
    agrees(embedding_precision, randn(5, 8, seed=seed + 7), documents, 4, with_=oracle)


def test_documents_of_very_different_size(seed):
    documents = randn(24, 8, seed=seed) * 10 ** randn(24, 1, seed=seed + 1)
    agrees(embedding_precision, randn(6, 8, seed=seed + 2), documents - 0.5, 6, with_=oracle)


def test_documents_of_negative_numbers_and_one_of_zeros(seed):
    documents = -1 - close(20, 6, spread=0.02, seed=seed).abs()
    documents[13] = 0
    agrees(embedding_precision, 0.1 + randn(4, 6, seed=seed).abs(), documents, 5, with_=oracle)
    agrees(embedding_precision, randn(1, 6, seed=seed), torch.zeros(3, 6), 2, with_=oracle)


@pytest.mark.parametrize("k", [0, 5])
def test_a_k_that_is_no_number_of_documents_is_a_value_error(k, seed):
    agrees(embedding_precision, randn(2, 3, seed=seed), randn(4, 3, seed=seed), k, with_=oracle)


def test_strides_make_no_difference(seed):
    documents = strided(close(12, 5, spread=0.01, seed=seed))
    agrees(embedding_precision, strided(randn(3, 5, seed=seed)), documents, 3, with_=oracle)


@settings(max_examples=8)
@given(st.integers(1, 4), st.integers(4, 12), st.integers(1, 4), st.integers(0, 99))
def test_any_documents(q, n, k, seed):
    agrees(embedding_precision, randn(q, 5, seed=seed), close(n, 5, spread=0.01, seed=seed), k, with_=oracle)
