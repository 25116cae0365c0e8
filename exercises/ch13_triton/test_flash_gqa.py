"""Every query head reads the KV head of its group, directly from the cache."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch13_triton.flash_gqa import flash_gqa
from grader.checks import agrees, beyond_a_block, beyond_any_block, compiles, fast, randn, traffic, tuned
from grader.gpu import like, ratios
from reference.ch13_triton.flash_gqa import flash_gqa as oracle


def qkv(batch, heads, kv_heads, n, m, d=16, room=0, dtype=torch.float32, seed=0):
    """Keys and values are the first m rows of the first heads of a cache with room for more of both."""
    cache = kv_heads + bool(room), m + room
    q, k, v = (
        randn(batch, h, length, d, dtype=dtype, seed=seed + i)
        for i, (h, length) in enumerate([(heads, n), cache, cache])
    )
    return q, k[:, :kv_heads, :m], v[:, :kv_heads, :m]


def test_four_heads_on_two_by_hand():
    q, k, v = torch.zeros(1, 4, 1, 16), torch.zeros(1, 2, 1, 16), torch.zeros(1, 2, 1, 16)
    v[0, :, 0, 0] = torch.tensor([5.0, 7.0])
    zeros = [0.0] * 15
    agrees(flash_gqa, q, k, v, with_=oracle, gives=[[[[5, *zeros]], [[5, *zeros]], [[7, *zeros]], [[7, *zeros]]]])


@pytest.mark.card("gqa-by-index")
@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 2), (6, 2), (6, 3), (3, 1), (2, 2)])
def test_groups_of_every_size(heads, kv_heads, seed):
    agrees(flash_gqa, *qkv(1, heads, kv_heads, 5, 70, seed=seed), with_=oracle)


@pytest.mark.parametrize("room", [0, 30])
def test_sequences_in_a_cache_with_room_for_more(room, seed):
    agrees(flash_gqa, *qkv(2, 4, 2, 5, 70, room=room, seed=seed), with_=oracle)


def test_one_key_head_in_a_batch(seed):
    agrees(flash_gqa, *qkv(2, 2, 1, 3, 20, seed=seed), with_=oracle)
    agrees(flash_gqa, *qkv(2, 2, 1, 3, 20, room=5, seed=seed), with_=oracle)


def test_scores_far_below_zero(seed):
    q, k, v = qkv(1, 2, 1, 3, 70, seed=seed)
    q[..., 0], k[..., 0] = 40.0, -40.0
    agrees(flash_gqa, q, k, v, with_=oracle)
    agrees(flash_gqa, 5e3 * q, 5e3 * k, v[:, :, :1].expand_as(v).contiguous(), with_=oracle)  # scores of -1e10


def test_fp16_and_heads_that_do_not_divide(seed):
    agrees(flash_gqa, *qkv(1, 4, 2, 130, 70, dtype=torch.float16, seed=seed), with_=oracle)
    agrees(flash_gqa, *qkv(1, 4, 3, 2, 2), with_=oracle)


@settings(max_examples=6)
@given(st.integers(1, 2), st.integers(1, 2), st.integers(1, 3), st.integers(1, 70), st.integers(0, 9))
def test_any_grouping(batch, kv_heads, group, m, room):
    traffic(flash_gqa, *qkv(batch, kv_heads * group, kv_heads, 3, m, room=room), with_=oracle)


def test_keys_are_read_from_the_cache_and_no_more_often_than_needed(seed):
    n, m = beyond_a_block(flash_gqa, "BLOCK_M", seed), beyond_any_block(seed // 64)
    traffic(flash_gqa, *qkv(2, 2, 1, 30, 41 + seed % 40, room=10, dtype=torch.float16, seed=seed), with_=oracle)
    traffic(flash_gqa, *qkv(1, 2, 1, n, 70, 64, room=10, dtype=torch.float16, seed=seed), with_=oracle)
    traffic(flash_gqa, *qkv(1, 1, 1, 3, m, 64, room=10, dtype=torch.float16, seed=seed), with_=oracle)


def test_every_choice_of_tune_is_right(seed):
    tuned(flash_gqa, *qkv(1, 2, 1, 130, 200, seed=seed), with_=oracle)


def test_on_an_h100_the_tensor_cores_do_it_and_nothing_spills():
    compiles(flash_gqa, *qkv(1, 4, 2, 128, 128, 64, dtype=torch.float16), with_=oracle, wgmma=True)


@pytest.mark.gpu
def test_fast_beside_repeated_keys_and_sdpa():
    q, kv = like(4, 32, 4096, 128), like(4, 8, 4096, 128)
    fast(flash_gqa, q, kv, kv, with_=oracle, at_least=ratios(4096, 128))
