"""A norm for each layer, and one for all."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.gradient_norms import gradient_norms
from grader.checks import agrees, randn, strided
from reference.ch15_model.gradient_norms import gradient_norms as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
MODULES = ["self_attn.q_proj", "self_attn.o_proj", "mlp.up_proj", "mlp.down_proj", "input_layernorm"]


def t(*numbers, dtype=torch.float32):
    return torch.tensor(numbers, dtype=dtype)


def llama(layers, seed, dtype=torch.float32):
    """Gradients by Llama's names, of different sizes."""
    names = ["model.embed_tokens.weight"]
    names += [f"model.layers.{i}.{module}.weight" for i in layers for module in MODULES]
    names += ["model.norm.weight", "lm_head.weight"]
    return {n: (0.1 + i % 4) * randn(3, 2, seed=seed + i, dtype=dtype) for i, n in enumerate(names)}


def test_three_layers_by_hand():
    grads = {
        "model.embed_tokens.weight": torch.tensor([[1.0, 2.0], [2.0, 0.0]]),
        "model.layers.0.mlp.up_proj.weight": t(3.0),
        "model.layers.0.mlp.down_proj.weight": t(-4.0),
        "model.norm.weight": None,
    }
    gives = ({"model.embed_tokens": 3.0, "model.layers.0": 5.0, "model.norm": 0.0}, 5.8310)
    agrees(gradient_norms, grads, with_=oracle, gives=gives)


@pytest.mark.card("group-norm-from-squares")
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_llama_of_two_layers(dtype, seed):
    agrees(gradient_norms, llama(range(2), seed, dtype), with_=oracle)


def test_layers_one_and_ten_are_two_layers(seed):
    agrees(gradient_norms, llama([1, 2, 10, 11, 100], seed), with_=oracle)


def test_other_names_before_layers_and_biases(seed):
    names = [
        "layers.0.attention.wq.weight",
        "layers.0.attention.wq.bias",
        "model.language_model.layers.0.mlp.up_proj.weight",
        "model.vision.layers.0.mlp.up_proj.weight",
        "output.weight",
        "output.bias",
    ]
    agrees(gradient_norms, {n: randn(4, seed=seed + i) for i, n in enumerate(names)}, with_=oracle)


def test_parameters_of_a_layer_need_not_stand_together(seed):
    grads = llama(range(3), seed)
    agrees(gradient_norms, {name: grads[name] for name in sorted(grads, key=lambda n: n[::-1])}, with_=oracle)


def test_no_gradient_counts_as_zeros():
    up, down = "model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.down_proj.weight"
    agrees(gradient_norms, {up: None, down: t(2.0)}, with_=oracle, gives=({"model.layers.0": 2.0}, 2.0))
    agrees(gradient_norms, {up: None, down: None}, with_=oracle, gives=({"model.layers.0": 0.0}, 0.0))
    agrees(gradient_norms, {}, with_=oracle, gives=({}, 0.0))
    agrees(gradient_norms, {"lm_head.weight": torch.empty(0)}, with_=oracle, gives=({"lm_head": 0.0}, 0.0))


def test_300_and_400_fit_fp16_and_their_squares_do_not():
    grads = {"model.layers.0.mlp.up_proj.weight": t(300.0, 400.0, dtype=torch.float16)}
    agrees(gradient_norms, grads, with_=oracle, gives=({"model.layers.0": 500.0}, 500.0))


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_gradients_whose_squares_float32_cannot_hold(size):
    grads = {"model.layers.0.mlp.up_proj.weight": t(3 * size), "model.layers.1.mlp.up_proj.weight": t(4 * size)}
    agrees(gradient_norms, grads, with_=oracle)


@pytest.mark.card("gradient-norm-by-layer")
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_nan_and_inf_show_in_their_layer(bad, seed):
    grads = llama(range(3), seed)
    grads["model.layers.1.mlp.up_proj.weight"][2, 1] = bad
    agrees(gradient_norms, grads, with_=oracle)


def test_strides_make_no_difference(seed):
    agrees(gradient_norms, {name: strided(g) for name, g in llama(range(2), seed).items()}, with_=oracle)


NAMES = [*llama([0, 1, 10], 0), "output.bias"]
VALUES = st.lists(st.floats(-1e3, 1e3, width=32), max_size=4)


@settings(max_examples=20)
@given(st.dictionaries(st.sampled_from(NAMES), st.none() | VALUES, max_size=6))
def test_any_gradients(rows):
    grads = {name: None if row is None else torch.tensor(row, dtype=torch.float32) for name, row in rows.items()}
    agrees(gradient_norms, grads, with_=oracle)
