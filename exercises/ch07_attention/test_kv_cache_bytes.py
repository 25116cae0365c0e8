"""Twice the layers, KV heads, width, length and bytes per number."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch07_attention.kv_cache_bytes import kv_cache_bytes
from grader.checks import agrees
from reference.ch07_attention.kv_cache_bytes import kv_cache_bytes as oracle

GIB, BF16 = 2**30, torch.bfloat16


def config(layers, heads, kv_heads, d_model, width=None):
    entries = {"num_hidden_layers": layers, "num_attention_heads": heads, "hidden_size": d_model}
    entries |= {"num_key_value_heads": kv_heads} if kv_heads else {}
    return entries | ({"head_dim": width} if width else {})


TINY = config(1, 4, 2, 12)
LLAMA_8B = config(32, 32, 8, 4096)
LLAMA_8B_MHA = config(32, 32, None, 4096)
LLAMA_70B = config(80, 64, 8, 8192)
LLAMA_405B = config(126, 128, 8, 16384)
QWEN3_32B = config(64, 64, 8, 5120, 128)


def test_one_token_of_a_tiny_model_by_hand():
    agrees(kv_cache_bytes, TINY, 1, BF16, with_=oracle, gives=24)


@pytest.mark.card("kv-cache-16-gib", "kv-cache-128k-on-a-gpu")
def test_llama_8b_keeps_16_gib_at_131072_tokens():
    agrees(kv_cache_bytes, LLAMA_8B, 131_072, BF16, with_=oracle, gives=16 * GIB)


@pytest.mark.card("kv-cache-16-gib", "gqa-cuts-the-cache", "kv-cache-128k-on-a-gpu")
def test_without_shared_heads_it_would_keep_64():
    agrees(kv_cache_bytes, LLAMA_8B_MHA, 131_072, BF16, with_=oracle, gives=64 * GIB)


@pytest.mark.card("gqa-cuts-the-cache", "kv-cache-128k-on-a-gpu")
@pytest.mark.parametrize(
    "model, gives", [(LLAMA_70B, 40 * GIB), (LLAMA_405B, 63 * GIB)], ids=["70b, 8 to 1", "405b, 16 to 1"]
)
def test_larger_llamas_at_131072_tokens(model, gives):
    agrees(kv_cache_bytes, model, 131_072, BF16, with_=oracle, gives=gives)


def test_a_head_may_be_wider_than_d_model_by_heads():
    agrees(kv_cache_bytes, QWEN3_32B, 1000, BF16, with_=oracle)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float8_e4m3fn, torch.int8], ids=str)
def test_the_cache_may_be_kept_in_any_dtype(dtype):
    agrees(kv_cache_bytes, LLAMA_8B, 100, dtype, with_=oracle)


def test_a_length_beyond_what_the_model_was_trained_on_is_kept_too():
    agrees(kv_cache_bytes, LLAMA_8B | {"max_position_embeddings": 4096}, 8192, BF16, with_=oracle, gives=GIB)


def test_every_sequence_of_a_batch_has_its_own():
    agrees(kv_cache_bytes, LLAMA_8B, 100, BF16, batch=7, with_=oracle)


def test_before_the_first_token_it_is_empty():
    agrees(kv_cache_bytes, LLAMA_8B, 0, BF16, with_=oracle)


@given(
    st.integers(1, 100),
    st.integers(1, 16),
    st.integers(1, 8),
    st.integers(1, 256),
    st.integers(0, 10**6),
    st.booleans(),
)
def test_any_model_at_any_length(layers, kv_heads, group, width, length, named):
    heads = kv_heads * group
    model = config(layers, heads, kv_heads, heads * 3, width if named else None)
    agrees(kv_cache_bytes, model, length, BF16, batch=3, with_=oracle)
