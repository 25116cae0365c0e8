"""One query against a cache in parts, merged by their log-sum-exp."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch13_triton.flash_decode import flash_decode
from grader.checks import agrees, compiles, fast, randn, traffic, tuned
from grader.gpu import like
from reference.ch13_triton.flash_decode import flash_decode as oracle


def qkv(heads, m, d=16, dtype=torch.float32, seed=0):
    shapes = (heads, d), (heads, m, d), (heads, m, d)
    return [randn(*shape, dtype=dtype, seed=seed + i) for i, shape in enumerate(shapes)]


def test_two_keys_by_hand():
    q, k, v = torch.zeros(1, 16), torch.zeros(1, 2, 16), torch.zeros(1, 2, 16)
    q[0, 0], k[0, 1, 0], v[0, 1, 0] = 4.0, math.log(3), 4.0
    agrees(flash_decode, q, k, v, with_=oracle, gives=[[3.0] + [0.0] * 15])


@pytest.mark.parametrize("m", [64, 256])
def test_parts_that_are_full(m, seed):
    agrees(flash_decode, *qkv(2, m, seed=seed), with_=oracle)


@pytest.mark.card("split-keys-merge-by-lse")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("m", [7, 99, 203])
def test_parts_of_unequal_length(m, dtype, seed):
    agrees(flash_decode, *qkv(2, m, dtype=dtype, seed=seed), with_=oracle)


@pytest.mark.parametrize("m", [1, 5, 9])
def test_parts_without_a_key(m, seed):
    agrees(flash_decode, *qkv(2, m, seed=seed), with_=oracle)


def test_exponentials_that_overflow_only_when_the_parts_are_added():
    q, k, v = torch.zeros(1, 16), torch.zeros(1, 8, 16), torch.full((1, 8, 16), 0.5)
    q[..., 0], k[..., 0] = 4.0, 88.0
    agrees(flash_decode, q, k, v, with_=oracle)


@pytest.mark.parametrize("size", [100.0, -100.0])
def test_scores_of_hundreds(size, seed):
    q, k, v = qkv(2, 64, seed=seed)
    q[:, 0], k[..., 0] = size, 10.0
    agrees(flash_decode, q, k, v, with_=oracle)
    k[..., 0] = 1e8  # a score of 1e9 and more: one key, so it does not matter how it rounds, and parts without a key
    agrees(flash_decode, q, k[:, :1], v[:, :1], with_=oracle)


def test_one_part_holds_the_largest_score(seed):
    q, k, v = qkv(1, 64, seed=seed)
    q[:, 0], k[..., 0] = 4.0, 0.0
    k[:, 40, 0] = 240.0
    agrees(flash_decode, q, k, v, with_=oracle)


@settings(max_examples=8)
@given(st.integers(1, 130))
def test_any_length(m):
    traffic(flash_decode, *qkv(1, m), with_=oracle)


@pytest.mark.card("decode-reads-the-cache-once")
@pytest.mark.parametrize("d", [16, 64])
def test_the_cache_is_read_once(d, seed):
    traffic(flash_decode, *qkv(2, 131 + seed % 128, d, torch.bfloat16, seed), with_=oracle)


def test_every_choice_of_tune_is_right(seed):
    tuned(flash_decode, *qkv(2, 70, seed=seed), with_=oracle)


def test_on_an_h100_nothing_spills():
    compiles(flash_decode, *qkv(2, 256, 64, torch.bfloat16), with_=oracle)


@pytest.mark.gpu
def test_fast_beside_unfused_decoding():
    """The cache of 2,048 heads is 268 MB, and the kernel has to read it once."""
    q, kv = like(2048, 64), like(2048, 512, 64)
    fast(flash_decode, q, kv, kv, with_=oracle, at_least={"naive": 1.0, "sdpa": 0.5})
