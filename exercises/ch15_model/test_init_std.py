"""One std for all matrices, and a smaller one for two of each layer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.init_std import init_std
from grader.checks import agrees
from reference.ch15_model.init_std import init_std as oracle


def llama(d, ffn, vocabulary, numbers):
    """The shapes of a model with the layers of these numbers."""
    shapes = {"model.embed_tokens.weight": (vocabulary, d)}
    for i in numbers:
        layer = {
            "input_layernorm": (d,),
            "self_attn.q_proj": (d, d),
            "self_attn.k_proj": (d // 2, d),
            "self_attn.v_proj": (d // 2, d),
            "self_attn.o_proj": (d, d),
            "post_attention_layernorm": (d,),
            "mlp.gate_proj": (ffn, d),
            "mlp.up_proj": (ffn, d),
            "mlp.down_proj": (d, ffn),
        }
        shapes |= {f"model.layers.{i}.{name}.weight": shape for name, shape in layer.items()}
    return shapes | {"model.norm.weight": (d,)}


@pytest.mark.card("residual-init-scale")
def test_three_weights_by_hand():
    shapes = {
        "model.embed_tokens.weight": (9, 4),
        "model.layers.0.input_layernorm.weight": (4,),
        "model.layers.0.self_attn.o_proj.weight": (4, 4),
    }
    gives = {
        "model.embed_tokens.weight": 0.02,
        "model.layers.0.input_layernorm.weight": 0.0,
        "model.layers.0.self_attn.o_proj.weight": 0.005,
    }
    agrees(init_std, shapes, 8, with_=oracle, gives=gives)


@pytest.mark.card("residual-init-scale")
@pytest.mark.parametrize("layers", [1, 2, 5, 32])
def test_a_whole_model(layers):
    agrees(init_std, llama(128, 352, 1024, range(layers)), layers, with_=oracle)


def test_another_std():
    agrees(init_std, llama(64, 160, 300, range(3)), 3, 0.006, with_=oracle)


def test_the_last_layers_of_a_model_of_32():
    agrees(init_std, llama(16, 40, 90, [30, 31]), 32, with_=oracle)


def test_biases_start_at_0():
    shapes = {f"model.layers.0.self_attn.{name}.bias": (16,) for name in ("q_proj", "k_proj", "v_proj", "o_proj")}
    agrees(init_std, llama(16, 40, 90, range(2)) | shapes, 2, with_=oracle)


def test_a_head_of_its_own_is_a_matrix_like_any_other():
    agrees(init_std, llama(16, 40, 90, range(2)) | {"lm_head.weight": (90, 16)}, 2, with_=oracle)


@settings(max_examples=10)
@given(st.integers(1, 40), st.floats(1e-3, 1.0), st.lists(st.integers(0, 11), unique=True, max_size=3))
def test_any_model(layers, std, numbers):
    agrees(init_std, llama(8, 24, 11, numbers), layers, std, with_=oracle)
