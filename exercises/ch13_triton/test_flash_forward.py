"""Attention in one pass over the keys: right on ragged lengths, and to the byte."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch13_triton.flash_forward import flash_forward
from grader.checks import (
    agrees,
    beyond_a_block,
    beyond_any_block,
    compiles,
    fast,
    randn,
    signal,
    strided,
    traffic,
    tuned,
)
from grader.gpu import like, ratios
from reference.ch13_triton.flash_forward import flash_forward as oracle


def qkv(heads, n, m, d=16, dtype=torch.float32, seed=0):
    shapes = (heads, n, d), (heads, m, d), (heads, m, d)
    return [randn(*shape, dtype=dtype, seed=seed + i) for i, shape in enumerate(shapes)]


def test_two_keys_by_hand():
    q, k, v = torch.zeros(1, 1, 16), torch.zeros(1, 2, 16), torch.zeros(1, 2, 16)
    q[0, 0, 0], k[0, 1, 0], v[0, 1, 0] = 4.0, math.log(3), 4.0
    agrees(flash_forward, q, k, v, with_=oracle, gives=[[[3.0] + [0.0] * 15]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize(("n", "m"), [(64, 64), (130, 200), (1, 129), (70, 5)])
def test_lengths_that_no_block_divides(n, m, dtype, seed):
    agrees(flash_forward, *qkv(2, n, m, dtype=dtype, seed=seed), with_=oracle)


@pytest.mark.card("online-softmax-rescale")
@pytest.mark.parametrize("kind", ["large", "peaked"])
def test_scores_of_hundreds(kind, seed):
    _, k, v = qkv(1, 40, 150, seed=seed)
    agrees(flash_forward, signal(kind, 1, 40, 16, seed=seed), k, v, with_=oracle)


@pytest.mark.card("online-softmax-rescale")
@pytest.mark.parametrize("order", [1, -1])
def test_the_largest_score_comes_last_or_first(order, seed):
    q, k, v = qkv(1, 3, 150, seed=seed)
    q[..., 0], k[..., 0] = 4.0, 20 * order * torch.linspace(-1, 1, 150)
    agrees(flash_forward, q, k, v, with_=oracle)


@pytest.mark.parametrize("m", [64, 70])
def test_scores_far_below_zero(m, seed):
    q, k, v = qkv(1, 5, m, seed=seed)
    q[..., 0], k[..., 0] = 40.0, -40.0
    agrees(flash_forward, q, k, v, with_=oracle)
    # scores of -1e10, values all alike
    agrees(flash_forward, 5e3 * q, 5e3 * k, v[:, :1].expand_as(v).contiguous(), with_=oracle)


def test_many_values_of_one_sign_in_fp16(seed):
    q, k, v = qkv(1, 3, 300, dtype=torch.float16, seed=seed)
    agrees(flash_forward, q, k, 1 + v.abs(), with_=oracle)


def test_scores_that_fp16_cannot_tell_apart(seed):
    q, k, v = qkv(1, 3, 32, d=32, dtype=torch.float16, seed=seed)
    agrees(flash_forward, 60 + q, 8 * torch.eye(32).half().expand_as(k).contiguous(), v, with_=oracle)


def test_strided_heads(seed):
    agrees(flash_forward, *[strided(x) for x in qkv(2, 10, 12, seed=seed)], with_=oracle)


@settings(max_examples=6)
@given(st.integers(1, 140), st.integers(1, 140))
def test_any_lengths(n, m):
    traffic(flash_forward, *qkv(1, n, m), with_=oracle)


@pytest.mark.card("keys-read-once-a-block")
def test_keys_and_values_are_read_once_for_each_block_of_queries(seed):
    n = beyond_a_block(flash_forward, "BLOCK_M", seed)
    traffic(flash_forward, *qkv(2, n, 70, dtype=torch.float16, seed=seed), with_=oracle)


@pytest.mark.card("keys-read-once-a-block")
def test_more_keys_than_one_block_can_hold_are_read_once_too(seed):
    n, m = beyond_a_block(flash_forward, "BLOCK_M", seed), beyond_any_block(seed // 64)
    traffic(flash_forward, *qkv(1, n, m, 64, torch.float16, seed), with_=oracle)


def test_every_choice_of_tune_is_right(seed):
    tuned(flash_forward, *qkv(1, 130, 128, seed=seed), with_=oracle)


def test_on_an_h100_the_tensor_cores_do_it_and_nothing_spills():
    compiles(flash_forward, *qkv(1, 256, 256, 64, torch.float16), with_=oracle, wgmma=True)


@pytest.mark.gpu
@pytest.mark.card("fused-attention-raced")
@pytest.mark.parametrize(("n", "d"), [(4096, 64), (4096, 128), (16384, 128)])
def test_fast_beside_naive_attention_and_sdpa(n, d):
    heads = 16384 // n * 2048 // d
    fast(flash_forward, *[like(heads, n, d)] * 3, with_=oracle, at_least=ratios(n, d))
