"""Matrices decay. The embedding, gains, biases and scalars do not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.weight_decay_groups import weight_decay_groups
from grader.checks import exact
from reference.ch15_model.weight_decay_groups import weight_decay_groups as oracle

LLAMA = {
    "model.embed_tokens.weight": (1024, 128),
    "model.layers.0.input_layernorm.weight": (128,),
    "model.layers.0.self_attn.q_proj.weight": (128, 128),
    "model.layers.0.self_attn.k_proj.weight": (64, 128),
    "model.layers.0.self_attn.v_proj.weight": (64, 128),
    "model.layers.0.self_attn.o_proj.weight": (128, 128),
    "model.layers.0.post_attention_layernorm.weight": (128,),
    "model.layers.0.mlp.gate_proj.weight": (352, 128),
    "model.layers.0.mlp.up_proj.weight": (352, 128),
    "model.layers.0.mlp.down_proj.weight": (128, 352),
    "model.norm.weight": (128,),
}


def test_three_parameters_by_hand():
    shapes = {
        "model.embed_tokens.weight": (1024, 128),
        "model.layers.0.mlp.up_proj.weight": (352, 128),
        "model.norm.weight": (128,),
    }
    gives = (["model.layers.0.mlp.up_proj.weight"], ["model.embed_tokens.weight", "model.norm.weight"])
    exact(weight_decay_groups, shapes, with_=oracle, gives=gives)


@pytest.mark.card("decay-matrices-only")
def test_of_a_llama_only_the_projections_decay():
    projections = [name for name in LLAMA if "_proj" in name]
    others = [name for name in LLAMA if "_proj" not in name]
    exact(weight_decay_groups, LLAMA, with_=oracle, gives=(projections, others))


def test_biases_do_not_decay_whatever_they_belong_to():
    shapes = {"model.layers.0.self_attn.q_proj.weight": (8, 4), "model.layers.0.self_attn.q_proj.bias": (8,)}
    exact(weight_decay_groups, shapes, with_=oracle)


def test_vectors_and_scalars_with_any_name_do_not_decay():
    shapes = {
        "attn.sinks": (4,),
        "gate.temperature": (),
        "up_proj.weight": (6, 2),
        "layer_scale": (2,),
        "logit_scale": (),
    }
    exact(weight_decay_groups, shapes, with_=oracle)


def test_a_matrix_with_any_name_decays():
    shapes = {
        "mlp.up_proj": (6, 2),
        "norm_mixer.weight": (4, 4),
        "bias_table": (3, 5),
        "adapter.lora_A": (1, 4),
        "b": (4, 1),
    }
    exact(weight_decay_groups, shapes, with_=oracle)


def test_the_stacked_matrices_of_experts_decay():
    exact(weight_decay_groups, {"mlp.experts.down_proj": (8, 4, 6), "mlp.router.weight": (8, 4)}, with_=oracle)


def test_an_output_head_of_its_own_decays():
    shapes = {"model.embed_tokens.weight": (10, 4), "lm_head.weight": (10, 4)}
    exact(weight_decay_groups, shapes, with_=oracle, gives=(["lm_head.weight"], ["model.embed_tokens.weight"]))


def test_the_embedding_is_known_by_the_end_of_its_name():
    shapes = {
        "vision.patch_embed.proj.weight": (4, 3, 2, 2),
        "model.language_model.embed_tokens.weight": (10, 4),
        "embed_tokens.weight": (10, 4),
        "model.embed_tokens.weight_scale": (10, 1),
        "embed_positions.weight": (8, 4),
    }
    exact(weight_decay_groups, shapes, with_=oracle)


@pytest.mark.parametrize("shapes", [{}, {"model.norm.weight": (4,)}, {"up_proj.weight": (4, 2)}], ids=str)
def test_a_group_may_be_empty(shapes):
    exact(weight_decay_groups, shapes, with_=oracle)


NAMES = [*LLAMA, "lm_head.weight", "mlp.experts.up_proj", "q_proj.bias", "scale", "audio.embed_tokens.weight"]
AXES = st.lists(st.integers(1, 4), max_size=4).map(tuple)


@settings(max_examples=15)
@given(st.dictionaries(st.sampled_from(NAMES), AXES, max_size=6))
def test_any_parameters(shapes):
    exact(weight_decay_groups, shapes, with_=oracle)
