"""Padding is no part of the text."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch10_retrieval.mean_pool import mean_pool
from grader.checks import agrees, randn, seeded, strided
from reference.ch10_retrieval.mean_pool import mean_pool as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def some(*shape: int, seed: int) -> torch.Tensor:
    """A mask with about two tokens of three real."""
    return torch.rand(shape, generator=seeded(seed)) < 0.67


@pytest.mark.card("mean-pool-mask")
def test_two_tokens_and_one_of_padding_by_hand():
    x = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [100.0, 100.0]]])
    agrees(mean_pool, x, torch.tensor([[True, True, False]]), with_=oracle, gives=[[2.0, 4.0]])


@pytest.mark.card("mean-pool-mask")
def test_a_text_has_the_same_mean_alone_and_padded_beside_a_longer_one():
    text = [[4.0, 0.0], [2.0, 2.0]]
    x = torch.tensor([[*text, [0.0, 0.0]], [*text, [6.0, 10.0]]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    agrees(mean_pool, x[:1, :2], mask[:1, :2], with_=oracle, gives=[[3.0, 1.0]])
    agrees(mean_pool, x, mask, with_=oracle, gives=[[3.0, 1.0], [4.0, 4.0]])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_six_hundred_tokens_of_two_hundred(dtype, seed):
    agrees(mean_pool, (200 + randn(2, 600, 3, seed=seed)).to(dtype), some(2, 600, seed=seed), with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_texts_of_ragged_lengths(dtype, seed):
    mask = torch.arange(7) < torch.tensor([[7], [3], [1], [5]])
    agrees(mean_pool, randn(4, 7, 5, dtype=dtype, seed=seed), mask, with_=oracle)


def test_padding_at_the_front_and_between(seed):
    mask = torch.tensor([[False, False, True, True], [True, False, True, False]])
    agrees(mean_pool, randn(2, 4, 3, seed=seed), mask, with_=oracle)


@pytest.mark.card("padding-may-be-nan")
@pytest.mark.parametrize("filling", [torch.inf, torch.nan], ids=str)
def test_what_fills_a_text_up_has_no_effect(filling, seed):
    x, mask = randn(3, 5, 4, seed=seed), torch.arange(5) < torch.tensor([[2], [5], [4]])
    agrees(mean_pool, x.masked_fill(~mask.unsqueeze(-1), filling), mask, with_=oracle)


def test_inf_in_a_token_shows():
    x = torch.tensor([[[1.0, 2.0], [torch.inf, 4.0], [torch.nan, torch.nan]]])
    agrees(mean_pool, x, torch.tensor([[True, True, False]]), with_=oracle, gives=[[torch.inf, 3.0]])


def test_a_text_without_tokens_gives_zeros(seed):
    mask = torch.tensor([[False, False], [True, True], [False, True]])
    agrees(mean_pool, randn(3, 2, 4, seed=seed), mask, with_=oracle)


def test_strides_and_an_empty_batch_make_no_difference(seed):
    agrees(mean_pool, strided(randn(2, 5, 3, seed=seed)), strided(some(2, 5, seed=seed)), with_=oracle)
    agrees(mean_pool, torch.empty(0, 5, 3), torch.empty(0, 5, dtype=torch.bool), with_=oracle)


@settings(max_examples=12)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 3), st.integers(0, 99))
def test_any_batch(batch, s, d, seed):
    agrees(mean_pool, randn(batch, s, d, seed=seed), some(batch, s, seed=seed), with_=oracle)
