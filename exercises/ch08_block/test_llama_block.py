"""Normalize, attend, add; normalize, feed forward, add."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch08_block.llama_block import llama_block
from grader.checks import agrees, randn, strided
from reference.ch08_block.llama_block import llama_block as oracle

DTYPES = [torch.float16, torch.bfloat16]  # the tests below are in float32


def weights(d, heads, kv_heads, width, ffn, seed, dtype=torch.float32):
    """All of a block's weights, of a size that keeps scores and branches around 1."""
    shapes = {
        "q_proj": (heads * width, d),
        "k_proj": (kv_heads * width, d),
        "v_proj": (kv_heads * width, d),
        "o_proj": (d, heads * width),
        "gate_proj": (ffn, d),
        "up_proj": (ffn, d),
        "down_proj": (d, ffn),
    }
    w = {name: randn(*s, seed=seed + i) / s[1] ** 0.5 for i, (name, s) in enumerate(shapes.items(), start=1)}
    w["input_layernorm"] = 1 + 0.3 * randn(d, seed=seed + 8)
    w["post_attention_layernorm"] = 1 + 0.3 * randn(d, seed=seed + 9)
    return {name: t.to(dtype) for name, t in w.items()}


@pytest.mark.card("llama-block-equations")
def test_one_token_by_hand():
    w = {name: torch.eye(2) for name in weights(2, 1, 1, 2, 2, 0) if name.endswith("proj")}
    w |= {"input_layernorm": torch.ones(2), "post_attention_layernorm": torch.ones(2)}
    agrees(llama_block, torch.tensor([[[3.0, 4.0]]]), w, 1, 1, with_=oracle, gives=[[[4.3528, 6.0993]]])


@pytest.mark.card("stream-keeps-its-scale")
def test_the_stream_keeps_its_scale_and_the_branches_do_not_see_it():
    w = {name: torch.eye(2) for name in weights(2, 1, 1, 2, 2, 0) if name.endswith("proj")}
    w |= {"input_layernorm": torch.ones(2), "post_attention_layernorm": torch.ones(2)}
    x = torch.tensor([[[3.0, 4.0]]])
    agrees(llama_block, 1000 * x, w, 1, 1, with_=oracle, gives=[[[3001.3528, 4002.0993]]])


@pytest.mark.card("llama-block-equations", "pre-norm-leaves-the-stream-alone")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tokens_of_a_batch_with_shared_key_heads(dtype, seed):
    x = 3 * randn(2, 4, 8, dtype=dtype, seed=seed)
    agrees(llama_block, x, weights(8, 4, 2, 4, 12, seed, dtype), 4, 2, with_=oracle)


def test_the_result_has_the_dtype_of_x_whatever_the_weights_have(seed):
    x, w = 3 * randn(1, 3, 8, seed=seed), weights(8, 2, 1, 4, 12, seed)
    low = {name: t.bfloat16() for name, t in w.items()}
    agrees(llama_block, x.bfloat16(), low, 2, 1, with_=oracle)
    agrees(llama_block, x.bfloat16(), w, 2, 1, with_=oracle)
    agrees(llama_block, x, low, 2, 1, with_=oracle)


@pytest.mark.card("rope-inside-attention")
def test_positions_reach_attention_through_queries_and_keys(seed):
    agrees(llama_block, randn(1, 7, 8, seed=seed), weights(8, 2, 1, 4, 8, seed), 2, 1, 100.0, with_=oracle)


def test_heads_need_not_be_as_wide_as_the_model_by_heads(seed):
    agrees(llama_block, randn(1, 3, 6, seed=seed), weights(6, 2, 2, 4, 5, seed), 2, 2, with_=oracle)


def test_strides_make_no_difference(seed):
    w = {name: strided(t) for name, t in weights(8, 2, 1, 4, 6, seed).items()}
    agrees(llama_block, strided(randn(2, 3, 8, seed=seed)), w, 2, 1, with_=oracle)


@settings(max_examples=3)
@given(st.integers(1, 2), st.integers(1, 4), st.integers(1, 2), st.integers(1, 2), st.integers(1, 9))
def test_any_shape(b, n, kv_heads, group, d):
    heads = kv_heads * group
    agrees(llama_block, randn(b, n, d), weights(d, heads, kv_heads, 2, 5, 0), heads, kv_heads, with_=oracle)
