"""No query sees a later key, and no hidden block is computed."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch13_triton.flash_causal import flash_causal
from grader.checks import agrees, beyond_a_block, beyond_any_block, compiles, fast, randn, traffic, tuned
from grader.gpu import like, ratios
from reference.ch13_triton.flash_causal import flash_causal as oracle


def qkv(heads, n, m, d=16, dtype=torch.float32, seed=0):
    shapes = (heads, n, d), (heads, m, d), (heads, m, d)
    return [randn(*shape, dtype=dtype, seed=seed + i) for i, shape in enumerate(shapes)]


def test_two_queries_by_hand():
    q, k, v = torch.zeros(1, 2, 16), torch.zeros(1, 2, 16), torch.zeros(1, 2, 16)
    q[..., 0], k[0, 1, 0], v[0, :, 0] = 4.0, math.log(3), torch.tensor([8.0, 4.0])
    agrees(flash_causal, q, k, v, with_=oracle, gives=[[[8.0] + [0.0] * 15, [5.0] + [0.0] * 15]])


@pytest.mark.parametrize(("n", "m"), [(128, 128), (200, 200), (20, 20)])
def test_as_many_keys_as_queries(n, m, seed):
    agrees(flash_causal, *qkv(1, n, m, seed=seed), with_=oracle)


@pytest.mark.card("causal-kernel-diagonal")
@pytest.mark.parametrize(("n", "m"), [(2, 5), (130, 150), (128, 129), (1, 70)])
def test_queries_that_follow_cached_keys(n, m, seed):
    agrees(flash_causal, *qkv(2, n, m, seed=seed), with_=oracle)


def test_fp16_and_more_queries_than_keys(seed):
    agrees(flash_causal, *qkv(1, 70, 90, dtype=torch.float16, seed=seed), with_=oracle)
    agrees(flash_causal, *qkv(1, 3, 2), with_=oracle)


def test_scores_far_below_zero(seed):
    q, k, v = qkv(1, 5, 70, seed=seed)
    q[..., 0], k[..., 0] = 40.0, -40.0
    agrees(flash_causal, q, k, v, with_=oracle)
    # scores of -1e10, values all alike
    agrees(flash_causal, 5e3 * q, 5e3 * k, v[:, :1].expand_as(v).contiguous(), with_=oracle)


@settings(max_examples=6)
@given(st.integers(1, 140), st.integers(0, 70))
def test_any_lengths(n, more):
    traffic(flash_causal, *qkv(1, n, n + more), with_=oracle)


@pytest.mark.card("causal-kernel-half")
@pytest.mark.parametrize("more", [0, 130])
def test_blocks_above_the_diagonal_are_not_visited(more, seed):
    n = 2 * beyond_a_block(flash_causal, "BLOCK_M", seed) + 1
    traffic(flash_causal, *qkv(1, n, n + more, dtype=torch.float16, seed=seed), with_=oracle)


def test_more_keys_than_one_block_can_hold_are_read_once(seed):
    n, m = beyond_a_block(flash_causal, "BLOCK_M", seed), beyond_any_block(seed // 64)
    traffic(flash_causal, *qkv(1, min(n, m), m, 64, torch.float16, seed), with_=oracle)


def test_every_choice_of_tune_is_right(seed):
    tuned(flash_causal, *qkv(1, 130, 200, seed=seed), with_=oracle)


def test_on_an_h100_the_tensor_cores_do_it_and_nothing_spills():
    compiles(flash_causal, *qkv(1, 256, 256, 64, torch.float16), with_=oracle, wgmma=True)


@pytest.mark.gpu
@pytest.mark.card("fused-attention-raced")
@pytest.mark.parametrize(("n", "d"), [(4096, 128), (16384, 128)])
def test_fast_beside_naive_attention_and_sdpa(n, d):
    heads = 16384 // n * 2048 // d
    fast(flash_causal, *[like(heads, n, d)] * 3, with_=oracle, at_least=ratios(n, d, causal=True))
