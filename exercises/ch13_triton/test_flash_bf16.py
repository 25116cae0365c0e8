"""bf16 in memory and in the products, float32 everywhere else."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch13_triton.flash_bf16 import flash_bf16
from grader.checks import agrees, beyond_a_block, beyond_any_block, compiles, fast, randn, traffic, tuned
from grader.gpu import like, ratios
from reference.ch13_triton.flash_bf16 import flash_bf16 as oracle

BF16 = torch.bfloat16


def qkv(heads, n, m, d=32, seed=0):
    shapes = (heads, n, d), (heads, m, d), (heads, m, d)
    return [randn(*shape, dtype=BF16, seed=seed + i) for i, shape in enumerate(shapes)]


def test_two_keys_by_hand():
    """ln 3 is 1.1016 in bf16, so the result is 3.0022 before it is rounded."""
    q, k, v = torch.zeros(1, 1, 16), torch.zeros(1, 2, 16), torch.zeros(1, 2, 16)
    q[0, 0, 0], k[0, 1, 0], v[0, 1, 0] = 4.0, math.log(3), 4.0
    agrees(flash_bf16, q.to(BF16), k.to(BF16), v.to(BF16), with_=oracle, gives=[[[3.0022] + [0.0] * 15]])


@pytest.mark.parametrize(("n", "m"), [(64, 64), (130, 200), (1, 129)])
def test_lengths_that_no_block_divides(n, m, seed):
    agrees(flash_bf16, *qkv(2, n, m, seed=seed), with_=oracle)


@pytest.mark.card("scores-stay-in-float32")
def test_scores_of_hundreds(seed):
    q, k, v = qkv(2, 64, 150, seed=seed)
    agrees(flash_bf16, 30 * q, k, v, with_=oracle)


@pytest.mark.parametrize("m", [600, 1000])
def test_many_values_of_one_sign(m, seed):
    q, k, v = qkv(1, 64, m, seed=seed)
    agrees(flash_bf16, q, k, 1 + v.abs(), with_=oracle)


def test_many_small_weights_with_an_exponent_that_bf16_rounds():
    """One key scores 0 and 999 score −7.046875, between two numbers of bf16, as does log2 e times that."""
    q, k, v = torch.zeros(1, 1, 16), torch.zeros(1, 1000, 16), torch.ones(1, 1000, 16)
    q[..., 0], q[..., 1], v[0, 0] = 4.0, 0.25, 0.0
    k[0, 1:, 0], k[0, 1:, 1] = -7.0, -0.75
    agrees(flash_bf16, q.to(BF16), k.to(BF16), v.to(BF16), with_=oracle)


def test_a_maximum_that_grows_a_little_in_every_block():
    """Each 64 keys score 0.0017 more than the 64 before. exp(-0.0017) is 1 in bf16, so nothing would be rescaled."""
    q, k, v = torch.zeros(1, 1, 16), torch.zeros(1, 1024, 16), torch.zeros(1, 1024, 16)
    q[..., 0], k[..., 0], v[:, :128] = 4.0, torch.arange(1024) // 64 * 14 * 2.0**-13, 1.0
    agrees(flash_bf16, q.to(BF16), k.to(BF16), v.to(BF16), with_=oracle)


def test_values_beyond_fp16_and_scores_far_below_zero(seed):
    q, k, v = qkv(1, 3, 70, seed=seed)
    agrees(flash_bf16, q, k, 1e5 * v, with_=oracle)
    q[..., 0], k[..., 0] = 40.0, -40.0
    agrees(flash_bf16, q, k, v, with_=oracle)
    # scores of -1e10, values all alike
    agrees(flash_bf16, 5e3 * q, 5e3 * k, v[:, :1].expand_as(v).contiguous(), with_=oracle)


@settings(max_examples=5)
@given(st.integers(1, 140), st.integers(1, 140))
def test_any_lengths(n, m):
    traffic(flash_bf16, *qkv(1, n, m), with_=oracle)


def test_keys_and_values_are_read_once_for_each_block_of_queries(seed):
    n, m = beyond_a_block(flash_bf16, "BLOCK_M", seed), beyond_any_block(seed // 64)
    traffic(flash_bf16, *qkv(1, n, m, 64, seed=seed), with_=oracle)


def test_every_choice_of_tune_is_right(seed):
    tuned(flash_bf16, *qkv(1, 130, 200, seed=seed), with_=oracle)


@pytest.mark.card("tensor-cores-take-16-bits")
def test_on_an_h100_the_tensor_cores_do_it_and_nothing_spills():
    compiles(flash_bf16, *qkv(1, 256, 256, 128), with_=oracle, wgmma=True)


@pytest.mark.gpu
@pytest.mark.parametrize("d", [64, 128])
def test_fast_beside_naive_attention_and_sdpa(d):
    fast(flash_bf16, *[like(8192 // d, 4096, d)] * 3, with_=oracle, at_least=ratios(4096, d))
