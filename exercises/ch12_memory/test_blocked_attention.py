"""The same numbers without the score matrix."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch12_memory.blocked_attention import blocked_attention
from grader.checks import agrees, randn, signal, strided
from reference.ch12_memory.blocked_attention import blocked_attention as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def qkv(n_q, n_k, d, e, seed, dtype=torch.float32, kind="ordinary"):
    q, k = signal(kind, n_q, d, dtype=dtype, seed=seed), randn(n_k, d, dtype=dtype, seed=seed + 1)
    return q, k, randn(n_k, e, dtype=dtype, seed=seed + 2)


@pytest.mark.parametrize("block", [40_000, 1, 2])
def test_a_query_of_zeros_averages_the_values(block):
    q, k, v = torch.tensor([[0.0]]), torch.tensor([[5.0], [7.0]]), torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    agrees(blocked_attention, q, k, v, block, with_=oracle, gives=([[2.0, 4.0]], [0.6931]))


@pytest.mark.card("blocks-are-exact")
@pytest.mark.parametrize("block", [1, 2, 3])
def test_a_larger_score_in_a_later_block_by_hand(block):
    q, k, v = torch.tensor([[1.0]]), torch.tensor([[0.0], [3.0], [1.0]]), torch.tensor([[8.0], [0.0], [4.0]])
    agrees(blocked_attention, q, k, v, block, with_=oracle, gives=([[0.7929]], [3.1698]))


@pytest.mark.card("blocks-are-exact")
@pytest.mark.parametrize("n_q, n_k", [(7, 10), (6, 6), (4, 9), (9, 5)])
def test_lengths_that_no_block_divides(n_q, n_k, seed):
    agrees(blocked_attention, *qkv(n_q, n_k, 5, 2, seed), 3, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_many_keys_in_every_dtype(dtype, seed):
    q, k, v = qkv(3, 130, 8, 5, seed, dtype)
    agrees(blocked_attention, q, k, v.bfloat16(), 16, with_=oracle)


@pytest.mark.parametrize("kind", ["large", "uneven", "tiny"])
def test_queries_of_every_size(kind, seed):
    agrees(blocked_attention, *qkv(5, 12, 8, 3, seed, kind=kind), 4, with_=oracle)


def test_very_negative_scores_only():
    q, k, v = torch.full((2, 4), 20.0), torch.full((3, 4), -20.0), torch.tensor([[1.0], [2.0], [6.0]])
    agrees(blocked_attention, q, k, v, 2, with_=oracle, gives=([[3.0], [3.0]], [-798.9014] * 2))
    agrees(blocked_attention, 5e3 * q, 5e3 * k[:1], v[:1], 2, with_=oracle, gives=([[1.0], [1.0]], [-2e10] * 2))


@pytest.mark.parametrize("dtypes", [(torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)], ids=str)
def test_keys_and_values_in_another_dtype_than_the_queries(dtypes, seed):
    q, k, v = randn(4, 6, seed=seed), randn(7, 6, seed=seed + 1), randn(7, 5, seed=seed + 2)
    agrees(blocked_attention, q.to(dtypes[0]), k.to(dtypes[1]), v.to(dtypes[1]), 3, with_=oracle)
    agrees(blocked_attention, q.to(dtypes[0]), k.to(dtypes[0]), v.to(dtypes[1]), 3, with_=oracle)


def test_scores_of_fifty_thousand_and_of_minus_ten_billion():
    q, k, v = torch.tensor([[300.0]]), torch.tensor([[167.68], [167.0]]), torch.tensor([[1.0], [2.0]])
    agrees(blocked_attention, q, k, v, 1, with_=oracle, gives=([[1.0]], [50304.0]))
    q, k = torch.tensor([[1e5]]), torch.tensor([[-2e5], [-1e5]])
    agrees(blocked_attention, q, k, v, 1, with_=oracle, gives=([[2.0]], [-1e10]))


def test_scores_beyond_fp16():
    q = torch.full((1, 64), 40.0).half()
    k, v = torch.cat([q, -q]), torch.tensor([[1.0], [2.0]]).half()
    agrees(blocked_attention, q, k, v, 1, with_=oracle, gives=([[1.0]], [12800.0]))


# 256 · 32,768 scores take 32 MiB in float32, a block of 256 · 256 a quarter of one
@pytest.mark.card("blocked-memory-is-linear", "naive-holds-the-table")
# (every query gives all its weight to one half of the keys, 1/16,384 each; which half a key is in depends on the seed)
def test_32768_keys_in_28_mib(seed):
    half = randn(32_768, seed=seed).argsort() % 2
    q, k = torch.zeros(256, 4), torch.zeros(32_768, 4)
    q[:, 0], k[:, 0] = torch.tensor([1.0, -1.0]).repeat(128), -8192.0 * half
    v = (4 * randn(32_768, 2, seed=seed + 1)).round()
    agrees(blocked_attention, q, k, v, 256, with_=oracle, memory=28 << 20)


def test_strides_and_no_queries_make_no_difference(seed):
    q, k, v = qkv(4, 6, 3, 2, seed)
    agrees(blocked_attention, strided(q), strided(k), strided(v), 4, with_=oracle)
    agrees(blocked_attention, q[:0], k, v, 4, with_=oracle)


@settings(max_examples=8)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 8), st.integers(1, 4), st.integers(0, 99))
def test_any_lengths_and_blocks(n_q, n_k, d, block, seed):
    agrees(blocked_attention, *qkv(n_q, n_k, d, 3, seed), block, with_=oracle)
