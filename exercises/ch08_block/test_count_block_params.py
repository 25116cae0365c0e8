"""Four fifths of the parameters are in the ffn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch08_block.count_block_params import count_block_params
from grader.checks import agrees
from reference.ch08_block.count_block_params import count_block_params as oracle

QKV = ["q_proj", "k_proj", "v_proj"]
ALL = [*QKV, "o_proj", "gate_proj", "up_proj", "down_proj"]


def config(hidden, ffn, heads, **more):
    return {"hidden_size": hidden, "intermediate_size": ffn, "num_attention_heads": heads, **more}


def test_a_small_block_by_hand():
    gives = {"attention": 192, "ffn": 480, "norms": 16, "biases": 12, "total": 700}
    agrees(count_block_params, config(8, 20, 4, num_key_value_heads=2), ["q_proj", "k_proj"], with_=oracle, gives=gives)


@pytest.mark.card("llama-3-has-no-biases", "block-parameters")
def test_llama_3_8b():
    llama = config(4096, 14336, 32, num_key_value_heads=8)
    gives = {"attention": 41_943_040, "ffn": 176_160_768, "norms": 8192, "biases": 0, "total": 218_112_000}
    agrees(count_block_params, llama, with_=oracle, gives=gives)


@pytest.mark.card("qwen-2-5-has-qkv-biases", "biases-are-few")
def test_qwen_2_5_7b_has_biases_on_queries_keys_and_values():
    qwen = config(3584, 18944, 28, num_key_value_heads=4)
    gives = {"attention": 29_360_128, "ffn": 203_685_888, "norms": 7168, "biases": 4608, "total": 233_057_792}
    agrees(count_block_params, qwen, QKV, with_=oracle, gives=gives)


def test_heads_may_be_wider_than_the_model_by_heads():
    agrees(count_block_params, config(2560, 9728, 32, num_key_value_heads=8, head_dim=128), ALL, with_=oracle)
    agrees(count_block_params, config(3072, 24576, 16, head_dim=256), ["o_proj"], with_=oracle)


@pytest.mark.parametrize("name", ALL)
def test_each_bias_by_itself(name):
    agrees(count_block_params, config(12, 40, 3, num_key_value_heads=1, head_dim=6), [name], with_=oracle)


@pytest.mark.parametrize("biases", [["qkv_proj"], ["q_proj", "embed_tokens"], ["input_layernorm"]])
def test_a_bias_on_what_is_no_projection_is_a_value_error(biases):
    agrees(count_block_params, config(8, 20, 4), biases, with_=oracle)


@given(st.integers(1, 9), st.integers(1, 8), st.integers(1, 4), st.integers(1, 99), st.sets(st.sampled_from(ALL)))
def test_any_block(width, kv, group, ffn, biases):
    block = config(kv * group * width, ffn, kv * group, num_key_value_heads=kv)
    agrees(count_block_params, block, sorted(biases), with_=oracle)
