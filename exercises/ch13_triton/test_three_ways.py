"""Loops, einsum and blocks: one answer, three amounts of bytes."""

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exercises.ch13_triton.three_ways import three_ways
from grader.checks import agrees, beyond_a_block, compiles, fast, randn, traffic, tuned
from grader.gpu import like, ratios
from reference.ch13_triton.three_ways import three_ways as oracle


def qkv(heads, n, m, d=16, dtype=torch.float32, seed=0):
    shapes = (heads, n, d), (heads, m, d), (heads, m, d)
    return [randn(*shape, dtype=dtype, seed=seed + i) for i, shape in enumerate(shapes)]


def test_two_keys_by_hand():
    q, k, v = torch.zeros(1, 1, 16), torch.zeros(1, 2, 16), torch.zeros(1, 2, 16)
    q[0, 0, 0], k[0, 1, 0], v[0, 1, 0] = 4.0, math.log(3), 4.0
    out = [[[3.0] + [0.0] * 15]]
    agrees(three_ways, q, k, v, with_=oracle, gives={"loops": out, "einsum": out, "blocks": out})


@pytest.mark.card("three-ways-agree")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("n", "m"), [(2, 64), (3, 65)])
def test_three_ways_agree(n, m, dtype, seed):
    agrees(three_ways, *qkv(1, n, m, dtype=dtype, seed=seed), with_=oracle)


def test_two_heads_and_scores_of_hundreds(seed):
    agrees(three_ways, *qkv(2, 3, 10, seed=seed), with_=oracle)
    q, k, v = qkv(1, 2, 70, seed=seed)
    agrees(three_ways, 100 * q, k, v, with_=oracle)


def test_scores_that_bf16_cannot_tell_apart(seed):
    q, k, v = qkv(1, 2, 32, d=32, dtype=torch.bfloat16, seed=seed)
    agrees(three_ways, 60 + q, 8 * torch.eye(32).bfloat16().expand_as(k).contiguous(), v, with_=oracle)


def test_scores_far_below_zero(seed):
    q, k, v = qkv(1, 2, 5, seed=seed)
    q[..., 0], k[..., 0] = 40.0, -40.0
    agrees(three_ways, q, k, v, with_=oracle)
    # scores of -1e10, values all alike
    agrees(three_ways, 5e3 * q, 5e3 * k, v[:, :1].expand_as(v).contiguous(), with_=oracle)


@pytest.mark.parametrize("order", [1, -1])
def test_the_largest_score_comes_last_or_first(order, seed):
    q, k, v = qkv(1, 2, 70, seed=seed)
    q[..., 0], k[..., 0] = 4.0, 20 * order * torch.linspace(-1, 1, 70)
    agrees(three_ways, q, k, v, with_=oracle)


@settings(max_examples=3)
@example(1, 64)  # a block of keys that is full
@given(st.integers(1, 2), st.integers(1, 70))
def test_any_lengths(n, m):
    traffic(three_ways, *qkv(1, n, m), with_=oracle)


@pytest.mark.card("loops-read-keys-n-times", "naive-to-triton-at-16k")
def test_loops_read_every_key_for_every_query_and_blocks_for_every_block(seed):
    n = beyond_a_block(three_ways, "BLOCK_M", seed)
    traffic(three_ways, *qkv(1, n, 1, dtype=torch.bfloat16, seed=seed), with_=oracle)


@pytest.mark.card("loops-read-keys-n-times", "naive-to-triton-at-16k")
def test_keys_of_more_than_two_blocks_are_read_once(seed):
    m = 2 * beyond_a_block(three_ways, "BLOCK_N", seed) + 1
    traffic(three_ways, *qkv(1, 1, m, 64, torch.bfloat16, seed), with_=oracle)


def test_every_choice_of_tune_is_right(seed):
    tuned(three_ways, *qkv(1, 65, 70, seed=seed), with_=oracle)


def test_on_an_h100_nothing_spills():
    compiles(three_ways, *qkv(1, 16, 80, 64, torch.bfloat16), with_=oracle)


@pytest.mark.gpu
@pytest.mark.card("fused-attention-raced")
def test_blocks_are_faster_than_the_einsum():
    """At 4,096 tokens, in bf16, with head dimension 128. The loops are not timed, because they take seconds."""
    at_least = {"einsum": ratios(4096, 128)["naive"], "sdpa": ratios(4096, 128)["sdpa"]}
    fast(three_ways, *[like(64, 4096, 128)] * 3, with_=oracle, at_least=at_least, only=["blocks_kernel"])
