"""The variance of the scores is the width of a head, and 1 after the scale."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch07_attention.score_variance import score_variance
from grader.checks import agrees, randn, signal, strided
from reference.ch07_attention.score_variance import score_variance as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def all_signs(d):
    """Every vector of +1 and −1: its components are independent, of mean 0 and variance 1."""
    return torch.tensor(list(product([1.0, -1.0], repeat=d)))


def test_one_query_and_two_keys_by_hand():
    q, k = torch.tensor([[1.0, 1.0]]), torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    agrees(score_variance, q, k, with_=oracle, gives=[1.0, 0.5])


@pytest.mark.card("scores-over-root-d")
@pytest.mark.parametrize("d", [1, 2, 5])
def test_independent_components_of_variance_1_give_d_before_and_1_after(d):
    agrees(score_variance, all_signs(d), all_signs(d), with_=oracle, gives=[float(d), 1.0])


@pytest.mark.card("unscaled-scores-saturate")
def test_a_head_of_width_128_has_scores_of_variance_128(seed):
    agrees(score_variance, randn(20, 128, seed=seed), randn(12, 128, seed=seed + 1), with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_few_queries_and_keys_in_every_dtype(dtype, seed):
    q, k = randn(5, 24, dtype=dtype, seed=seed), randn(3, 24, dtype=dtype, seed=seed + 1)
    agrees(score_variance, q, k, with_=oracle)


def test_queries_and_keys_may_differ_in_dtype(seed):
    q, k = randn(5, 24, seed=seed), randn(3, 24, seed=seed + 1)
    agrees(score_variance, q.bfloat16(), k.bfloat16(), with_=oracle)
    agrees(score_variance, q.bfloat16(), k, with_=oracle)
    agrees(score_variance, q, k.half(), with_=oracle)


def test_scores_beyond_fp16_are_measured():
    q, k = 40 * all_signs(3).repeat(1, 16).half(), 40 * all_signs(3).repeat(1, 16).half()
    agrees(score_variance, q, k, with_=oracle)


@pytest.mark.parametrize("kind", ["tiny", "large", "offset", "uneven"])
def test_vectors_of_every_size(kind, seed):
    q, k = signal(kind, 6, 16, seed=seed), signal(kind, 9, 16, seed=seed + 1)
    agrees(score_variance, q, k, with_=oracle)


def test_a_large_common_score_does_not_drown_the_spread(seed):
    q = torch.cat([torch.full((7, 1), 30.0), 0.1 * randn(7, 15, seed=seed)], 1)
    k = torch.cat([torch.full((5, 1), 30.0), 0.1 * randn(5, 15, seed=seed + 1)], 1)
    agrees(score_variance, q, k, with_=oracle)


def test_a_single_score_does_not_spread():
    agrees(score_variance, torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]), with_=oracle, gives=[0.0, 0.0])


def test_strides_make_no_difference(seed):
    agrees(score_variance, strided(randn(4, 6, seed=seed)), strided(randn(5, 6, seed=seed + 1)), with_=oracle)


@settings(max_examples=15)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 9), st.integers(0, 99))
def test_any_number_of_vectors_of_any_width(n_q, n_k, d, seed):
    agrees(score_variance, randn(n_q, d, seed=seed), randn(n_k, d, seed=seed + 1), with_=oracle)
