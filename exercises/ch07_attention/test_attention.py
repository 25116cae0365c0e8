"""Scores, softmax and the weighted sum of the values."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch07_attention.attention import attention
from grader.checks import agrees, randn, signal, strided
from reference.ch07_attention.attention import attention as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def qkv(b, h, n_q, n_k, d, e, dtype=torch.float32, seed=0, kind="ordinary"):
    q = signal(kind, b, h, n_q, d, dtype=dtype, seed=seed)
    return q, randn(b, h, n_k, d, dtype=dtype, seed=seed + 1), randn(b, h, n_k, e, dtype=dtype, seed=seed + 2)


def future(n_q, n_k):
    return torch.ones(n_q, n_k, dtype=torch.bool).triu(n_k - n_q + 1)


def test_a_query_of_zeros_averages_the_values():
    q, k = torch.tensor([[[[0.0]]]]), torch.tensor([[[[5.0], [7.0]]]])
    agrees(attention, q, k, torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]]), with_=oracle, gives=[[[[2.0, 4.0]]]])


@pytest.mark.card("attention-three-steps")
def test_cat_blends_the_values_of_the_cat_sat_by_its_weights():
    q, k = torch.tensor([[[[1.0]]]]), torch.tensor([[[[2.1], [6.5], [3.4]]]])
    v = torch.eye(3).reshape(1, 1, 3, 3)
    agrees(attention, q, k, v, with_=oracle, gives=[[[[0.0116, 0.9458, 0.0426]]]])


@pytest.mark.card("attention-three-steps")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_more_keys_than_queries_and_values_of_another_width(dtype, seed):
    agrees(attention, *qkv(2, 3, 5, 11, 16, 6, dtype, seed), with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_many_keys_are_summed_in_float32(dtype, seed):
    agrees(attention, *qkv(1, 1, 3, 130, 8, 24, dtype, seed), with_=oracle)


@pytest.mark.parametrize("kind", ["tiny", "large", "uneven"])
def test_queries_of_every_size(kind, seed):
    agrees(attention, *qkv(1, 2, 6, 7, 32, 5, seed=seed, kind=kind), with_=oracle)


def test_scores_beyond_fp16_and_then_some():
    q = torch.full((1, 1, 2, 64), 40.0).half()
    k = torch.stack([q[0, 0, 0], -q[0, 0, 0]]).reshape(1, 1, 2, 64)
    agrees(attention, q, k, torch.tensor([[[[1.0], [2.0]]]]).half(), with_=oracle, gives=[[[[1.0], [1.0]]]])


def test_a_visible_score_may_be_lower_than_any_stand_in_for_minus_infinity():
    q, k = torch.tensor([[[[1.0]]]]), torch.tensor([[[[-3e9], [0.0]]]])
    hidden = torch.tensor([[False, True]])
    agrees(attention, q, k, torch.tensor([[[[1.0], [2.0]]]]), hidden, with_=oracle, gives=[[[[1.0]]]])


def test_the_result_has_the_dtype_of_q_whatever_k_and_v_have(seed):
    q, k, v = qkv(1, 2, 3, 5, 32, 6, seed=seed)
    agrees(attention, q.bfloat16(), k.bfloat16(), v.bfloat16(), with_=oracle)
    agrees(attention, q.bfloat16(), k, v, with_=oracle)
    agrees(attention, q, k.bfloat16(), v.half(), with_=oracle)


@pytest.mark.card("mask-for-decoders-only")
def test_with_a_causal_mask_the_first_token_is_its_own_value_and_without_one_it_sees_all():
    q, v = torch.zeros(1, 1, 3, 1), torch.tensor([[[[1.0], [2.0], [6.0]]]])
    agrees(attention, q, q, v, future(3, 3), with_=oracle, gives=[[[[1.0], [1.5], [3.0]]]])
    agrees(attention, q, q, v, with_=oracle, gives=[[[[3.0], [3.0], [3.0]]]])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_causal_mask_with_a_cache(dtype, seed):
    agrees(attention, *qkv(2, 2, 4, 9, 8, 8, dtype, seed), future(4, 9), with_=oracle)


def test_one_mask_of_padding_serves_all_heads_and_queries(seed):
    padding = torch.arange(7) >= torch.tensor([7, 4]).reshape(2, 1, 1, 1)
    agrees(attention, *qkv(2, 3, 5, 7, 8, 4, seed=seed), hidden=padding, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_queries_that_see_no_key_give_zeros(dtype, seed):
    agrees(attention, *qkv(1, 2, 5, 3, 8, 4, dtype, seed), future(5, 3), with_=oracle)


def test_strides_and_no_queries_make_no_difference(seed):
    q, k, v = qkv(2, 2, 3, 5, 8, 4, seed=seed)
    agrees(attention, strided(q), strided(k), strided(v), strided(future(3, 5)), with_=oracle)
    agrees(attention, q[:, :, :0], k, v, with_=oracle)


@settings(max_examples=15)
@given(
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(1, 6),
    st.integers(1, 12),
    st.booleans(),
    st.integers(0, 99),
)
def test_any_lengths_with_and_without_a_mask(h, n_q, n_k, d, causal, seed):
    agrees(attention, *qkv(1, h, n_q, n_k, d, 3, seed=seed), future(n_q, n_k) if causal else None, with_=oracle)
