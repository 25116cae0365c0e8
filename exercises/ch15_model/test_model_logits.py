"""From ids to logits, by the names of a checkpoint."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.model_logits import model_logits
from grader.checks import agrees, randn, seeded
from reference.ch15_model.model_logits import model_logits as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
TABLE = "model.embed_tokens.weight"


def model(layers, d=8, heads=4, kv_heads=2, width=2, ffn=6, vocabulary=11, seed=0, dtype=torch.float32):
    """All weights of a small model, of a size that keeps scores and branches around 1."""
    shapes = {
        "input_layernorm": (d,),
        "self_attn.q_proj": (heads * width, d),
        "self_attn.k_proj": (kv_heads * width, d),
        "self_attn.v_proj": (kv_heads * width, d),
        "self_attn.o_proj": (d, heads * width),
        "post_attention_layernorm": (d,),
        "mlp.gate_proj": (ffn, d),
        "mlp.up_proj": (ffn, d),
        "mlp.down_proj": (d, ffn),
    }
    named = {f"model.layers.{i}.{name}.weight": shape for i in range(layers) for name, shape in shapes.items()}
    named = {TABLE: (vocabulary, d), **named, "model.norm.weight": (d,)}
    return {name: weight(shape, seed + i).to(dtype) for i, (name, shape) in enumerate(named.items())}


def weight(shape, seed):
    drawn = randn(*shape, seed=seed)
    return 1 + 0.3 * drawn if len(shape) == 1 else drawn / shape[1] ** 0.5


def tokens(b, n, vocabulary, seed):
    return torch.randint(vocabulary, (b, n), generator=seeded(seed))


@pytest.mark.card("final-norm-before-head")
def test_one_token_by_hand():
    weights = {
        name: torch.ones(shape.shape) if shape.dim() == 1 else torch.eye(2)
        for name, shape in model(1, d=2, heads=1, kv_heads=1, width=2, ffn=2, vocabulary=2).items()
    }
    weights[TABLE] = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    agrees(model_logits, torch.tensor([[0]]), weights, 1, 1, with_=oracle, gives=[[[7.0691, 1.1511]]])


@pytest.mark.card("final-norm-before-head")
def test_a_model_without_layers_is_embedding_norm_and_head(seed):
    agrees(model_logits, tokens(2, 3, 11, seed), model(0, seed=seed), 4, 2, with_=oracle)


def test_the_final_norm_is_applied_to_tiny_tokens_too(seed):
    weights = model(0, seed=seed)
    weights[TABLE] = 1e-3 * weights[TABLE]
    agrees(model_logits, tokens(2, 3, 11, seed), weights, 4, 2, with_=oracle)


@pytest.mark.card("layer-order-by-number")
def test_three_layers(seed):
    agrees(model_logits, tokens(2, 5, 11, seed), model(3, seed=seed), 4, 2, with_=oracle)


@pytest.mark.card("layer-order-by-number")
def test_layer_10_comes_after_layer_9(seed):
    agrees(
        model_logits,
        tokens(1, 3, 5, seed),
        model(12, d=4, heads=2, kv_heads=1, seed=seed, vocabulary=5),
        2,
        1,
        with_=oracle,
    )


@pytest.mark.card("layer-order-by-number")
def test_the_order_of_the_dict_makes_no_difference(seed):
    weights = model(3, seed=seed)
    names = sorted(weights, key=lambda name: name[::-1])
    agrees(model_logits, tokens(1, 4, 11, seed), {name: weights[name] for name in names}, 4, 2, with_=oracle)
    agrees(model_logits, tokens(1, 4, 11, seed), dict(reversed(weights.items())), 4, 2, with_=oracle)


def test_another_base(seed):
    agrees(model_logits, tokens(1, 7, 11, seed), model(2, width=4, seed=seed), 4, 2, 100.0, with_=oracle)


def test_every_query_head_may_have_its_own_key_head(seed):
    agrees(model_logits, tokens(2, 4, 11, seed), model(2, kv_heads=4, seed=seed), 4, 4, with_=oracle)


def test_a_vocabulary_as_large_as_the_model_is_wide(seed):
    agrees(model_logits, tokens(2, 4, 8, seed), model(2, vocabulary=8, seed=seed), 4, 2, with_=oracle)


def test_a_model_may_be_one_number_wide(seed):
    agrees(model_logits, tokens(2, 3, 11, seed), model(1, d=1, seed=seed), 4, 2, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_logits_have_the_dtype_of_the_embedding(dtype, seed):
    agrees(model_logits, tokens(2, 4, 11, seed), model(2, seed=seed, dtype=dtype), 4, 2, with_=oracle)


def test_the_other_weights_may_have_another_dtype(seed):
    wide, low = model(2, seed=seed), model(2, seed=seed, dtype=torch.bfloat16)
    agrees(model_logits, tokens(2, 4, 11, seed), wide | {TABLE: low[TABLE]}, 4, 2, with_=oracle)
    agrees(model_logits, tokens(2, 4, 11, seed), low | {TABLE: wide[TABLE]}, 4, 2, with_=oracle)


@settings(max_examples=4)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2))
def test_any_model(b, n, layers, kv_heads, group):
    heads = kv_heads * group
    weights = model(layers, d=5, heads=heads, kv_heads=kv_heads, vocabulary=7)
    agrees(model_logits, tokens(b, n, 7, n), weights, heads, kv_heads, with_=oracle)
