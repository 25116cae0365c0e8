"""Two thin matrices for each target, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch08_block.lora_trainable import lora_trainable
from grader.checks import agrees
from reference.ch08_block.lora_trainable import lora_trainable as oracle


def llama(layers, d, kv, ffn, vocabulary):
    """Names and shapes of a Llama model's parameters."""
    shapes = {"model.embed_tokens.weight": (vocabulary, d)}
    for i in range(layers):
        at = f"model.layers.{i}"
        shapes |= {f"{at}.self_attn.{n}_proj.weight": (kv if n in "kv" else d, d) for n in "qkvo"}
        shapes |= {f"{at}.mlp.gate_proj.weight": (ffn, d), f"{at}.mlp.up_proj.weight": (ffn, d)}
        shapes |= {f"{at}.mlp.down_proj.weight": (d, ffn), f"{at}.input_layernorm.weight": (d,)}
        shapes |= {f"{at}.post_attention_layernorm.weight": (d,)}
    return shapes | {"model.norm.weight": (d,), "lm_head.weight": (vocabulary, d)}


@pytest.mark.card("lora-what-trains")
def test_one_projection_by_hand():
    shapes = {"embed.weight": (10, 4), "0.q_proj.weight": (6, 4), "0.norm.weight": (4,)}
    gives = [{"0.q_proj.lora_A.weight": [2, 4], "0.q_proj.lora_B.weight": [6, 2]}, 0.2273]
    agrees(lora_trainable, shapes, ["q_proj"], 2, with_=oracle, gives=gives)


@pytest.mark.card("lora-what-trains")
@pytest.mark.parametrize("targets", [["q_proj", "k_proj", "v_proj", "o_proj"], ["down_proj"], ["q_proj", "v_proj"]])
def test_projections_of_a_llama(targets):
    agrees(lora_trainable, llama(2, 8, 4, 20, 30), targets, 3, with_=oracle)


@pytest.mark.card("lora-share-of-llama-3-8b")
def test_llama_3_8b_at_rank_16():
    shapes = llama(32, 4096, 1024, 14336, 128_256)
    agrees(lora_trainable, shapes, ["q_proj", "k_proj", "v_proj", "o_proj"], 16, with_=oracle)


def test_names_that_only_look_alike_are_left_alone():
    names = ["a.q_proj", "a.eq_proj", "a.q_proj_norm", "q_proj.out", "q_proj"]
    shapes = {f"{name}.weight": (6 + i, 4) for i, name in enumerate(names)} | {
        "a.q_proj.bias": (6,),
        "a.q_proj.weight.scale": (6, 1),
    }
    agrees(lora_trainable, shapes, ["q_proj"], 1, with_=oracle)


@pytest.mark.parametrize("targets", [["query"], ["q_proj", "w_q"], ["self_attn"], ["q_proj.weight"]])
def test_a_target_that_fits_nothing_is_a_value_error(targets):
    agrees(lora_trainable, llama(1, 4, 4, 8, 10), targets, 2, with_=oracle)
    agrees(lora_trainable, {"0.q_proj.bias": (4,), "0.k_proj.weight": (4, 4)}, targets, 2, with_=oracle)


def test_a_target_is_a_name_and_no_pattern():
    agrees(lora_trainable, llama(1, 4, 4, 8, 10), ["q.proj"], 2, with_=oracle)
    agrees(lora_trainable, {"0.q_proj.bias": (4,), "0.k_proj.weight": (4, 4)}, ["q_proj"], 2, with_=oracle)


@settings(max_examples=15)
@given(st.integers(1, 2), st.integers(1, 9), st.integers(1, 9), st.integers(1, 6))
def test_any_model(layers, d, ffn, r):
    agrees(lora_trainable, llama(layers, d, d, ffn, 11), ["v_proj", "up_proj"], r, with_=oracle)
