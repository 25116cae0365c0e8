"""16-bit products, a float32 softmax."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch12_memory.low_precision_attention import low_precision_attention
from grader.checks import agrees, randn, strided
from reference.ch12_memory.low_precision_attention import low_precision_attention as oracle

HALVES = [torch.float16, torch.bfloat16]
DTYPES = [*HALVES, torch.float32]


def qkv(n_q, n_k, d, e, seed, dtype, size=1.0):
    q = (size * randn(n_q, d, seed=seed)).to(dtype)
    return q, randn(n_k, d, dtype=dtype, seed=seed + 1), randn(n_k, e, dtype=dtype, seed=seed + 2)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_two_equal_scores_by_hand(dtype):
    q, k, v = torch.tensor([[0.0]]), torch.tensor([[5.0], [7.0]]), torch.tensor([[1.0], [3.0]])
    agrees(low_precision_attention, q.to(dtype), k.to(dtype), v.to(dtype), with_=oracle, gives=([[2.0]], [0.6931]))


@pytest.mark.card("scores-stay-in-fp32")
def test_scores_that_differ_by_less_than_bf16_can_tell():
    q, k = torch.tensor([[16.0, 0.125]]).bfloat16(), torch.tensor([[16.0, 1.0], [16.0, 0.0]]).bfloat16()
    v = torch.tensor([[0.0], [1.0]]).bfloat16()
    agrees(low_precision_attention, 4 * q, k, v, with_=oracle, gives=([[0.4125]], [724.9628]))


@pytest.mark.card("scores-stay-in-fp32", "softmax-in-fp32")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_peaked_rows_in_every_dtype(dtype, seed):
    q, k, v = qkv(4, 40, 12, 5, seed, dtype, 6.0)
    agrees(low_precision_attention, q, k, v, with_=oracle)
    agrees(low_precision_attention, q[:1], k, v.to(DTYPES[DTYPES.index(dtype) - 1]), with_=oracle)


@pytest.mark.card("softmax-in-fp32")
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_six_hundred_keys_that_weigh_nearly_the_same(dtype, seed):
    q, k, v = qkv(2, 600, 8, 3, seed, dtype, 0.05)
    agrees(low_precision_attention, q, k, v.abs() + 1, with_=oracle)


@pytest.mark.parametrize("dtypes", [(torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)], ids=str)
def test_keys_and_values_in_another_dtype_than_the_queries(dtypes, seed):
    q, k, v = randn(4, 6, seed=seed), randn(7, 6, seed=seed + 1), randn(7, 5, seed=seed + 2)
    agrees(low_precision_attention, q.to(dtypes[0]), k.to(dtypes[1]), v.to(dtypes[1]), with_=oracle)
    agrees(low_precision_attention, q.to(dtypes[0]), k.to(dtypes[0]), v.to(dtypes[1]), with_=oracle)


def test_scores_of_fifty_thousand_and_of_minus_ten_billion():
    q, k, v = torch.tensor([[300.0]]), torch.tensor([[167.68], [167.0]]), torch.tensor([[1.0], [2.0]])
    agrees(low_precision_attention, q, k, v, with_=oracle, gives=([[1.0]], [50304.0]))
    q, k = torch.tensor([[1e5]]), torch.tensor([[-2e5], [-1e5]])
    agrees(low_precision_attention, q, k, v, with_=oracle, gives=([[2.0]], [-1e10]))


def test_scores_beyond_fp16_and_then_some():
    q = torch.full((1, 64), 40.0).half()
    k, v = torch.cat([q, -q]), torch.tensor([[1.0], [2.0]]).half()
    agrees(low_precision_attention, q, k, v, with_=oracle, gives=([[1.0]], [12800.0]))
    only = q.float(), k[1:].float(), v[1:].float()
    agrees(low_precision_attention, *only, with_=oracle, gives=([[2.0]], [-12800.0]))


def test_strides_and_no_queries_make_no_difference(seed):
    q, k, v = qkv(3, 5, 4, 2, seed, torch.bfloat16)
    agrees(low_precision_attention, strided(q), strided(k), strided(v), with_=oracle)
    agrees(low_precision_attention, q[:0], k, v, with_=oracle)


@settings(max_examples=8)
@given(st.integers(1, 3), st.integers(1, 20), st.integers(1, 12), st.sampled_from(DTYPES), st.integers(0, 99))
def test_any_lengths(n_q, n_k, d, dtype, seed):
    agrees(low_precision_attention, *qkv(n_q, n_k, d, 3, seed, dtype, 3.0), with_=oracle)
