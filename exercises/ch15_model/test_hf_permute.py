"""Rows move within their head, and nothing else changes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.hf_permute import hf_permute
from grader.checks import exact, randn, strided
from reference.ch15_model.hf_permute import hf_permute as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
LAYOUTS = ["half", "interleaved"]


def llama(layers, heads, kv_heads, width, d=6, biases=False, dtype=torch.float32, seed=0):
    """All weights of a Llama whose attention has these heads, by their names."""
    rows = {"q_proj": heads * width, "k_proj": kv_heads * width, "v_proj": kv_heads * width}
    w = {"model.embed_tokens.weight": randn(8, d, dtype=dtype, seed=seed)}
    for i in range(layers):
        at = f"model.layers.{i}.self_attn"
        for j, (part, n) in enumerate(rows.items(), start=10 * i + 1):
            w[f"{at}.{part}.weight"] = randn(n, d, dtype=dtype, seed=seed + j)
            if biases:
                w[f"{at}.{part}.bias"] = randn(n, dtype=dtype, seed=seed + j + 5)
        w[f"{at}.o_proj.weight"] = randn(d, heads * width, dtype=dtype, seed=seed + 10 * i + 4)
        w[f"model.layers.{i}.mlp.up_proj.weight"] = randn(12, d, dtype=dtype, seed=seed + 10 * i + 5)
        w[f"model.layers.{i}.input_layernorm.weight"] = randn(d, dtype=dtype, seed=seed + 10 * i + 10)
    w["model.norm.weight"] = randn(d, dtype=dtype, seed=seed + 99)
    return w


def test_one_head_of_width_4_by_hand():
    name = "model.layers.0.self_attn.q_proj.weight"
    apart = {name: torch.tensor([[10.0], [11.0], [12.0], [13.0]])}
    exact(hf_permute, apart, 1, 1, "half", with_=oracle, gives={name: [[10.0], [12.0], [11.0], [13.0]]})
    longer = {name: torch.tensor([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]])}
    gives = {name: [[0.0], [3.0], [1.0], [4.0], [2.0], [5.0]]}
    exact(hf_permute, longer, 1, 1, "interleaved", with_=oracle, gives=gives)


@pytest.mark.card("hf-permute-q-and-k-only")
@pytest.mark.parametrize("to", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_queries_and_keys_of_every_layer_move_and_nothing_else(dtype, to, seed):
    exact(hf_permute, llama(2, 4, 2, 8, dtype=dtype, seed=seed), 4, 2, to, with_=oracle)


@pytest.mark.card("hf-permute-q-and-k-only")
@pytest.mark.parametrize("to", LAYOUTS)
def test_a_bias_moves_with_its_rows(to, seed):
    exact(hf_permute, llama(2, 3, 1, 6, biases=True, seed=seed), 3, 1, to, with_=oracle)


@pytest.mark.parametrize("to", LAYOUTS)
def test_pairs_of_width_2_stay(to, seed):
    exact(hf_permute, llama(1, 2, 2, 2, seed=seed), 2, 2, to, with_=oracle)


@pytest.mark.parametrize("heads, kv_heads", [(3, 2), (4, 3), (8, 2), (4, 4)])
def test_heads_without_an_even_width_are_a_value_error(heads, kv_heads, seed):
    exact(hf_permute, llama(1, 4, 2, 6, biases=True, seed=seed), heads, kv_heads, "half", with_=oracle)


def test_strides_and_an_empty_dict_make_no_difference(seed):
    w = {name: strided(t) for name, t in llama(1, 2, 1, 8, biases=True, seed=seed).items()}
    exact(hf_permute, w, 2, 1, "half", with_=oracle)
    exact(hf_permute, {}, 2, 1, "half", with_=oracle)


@settings(max_examples=12)
@given(
    st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 5), st.booleans(), st.sampled_from(LAYOUTS)
)
def test_any_model(layers, kv_heads, group, pairs, biases, to):
    heads = kv_heads * group
    exact(hf_permute, llama(layers, heads, kv_heads, 2 * pairs, biases=biases), heads, kv_heads, to, with_=oracle)
