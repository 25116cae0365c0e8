"""The text of the engine is the text of a full pass, token by token."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.hunt_falls_apart import hunt_falls_apart
from grader.checks import agrees, randn
from reference.ch15_model.hunt_falls_apart import hunt_falls_apart as oracle
from reference.ch15_model.hunt_falls_apart import lead, without_a_cache

VOCABULARY = 16


def random_model(seed, layers, heads, kv_heads, width=4):
    """Weights by Llama's names. Attention is strong, so that the text depends on all tokens and their places."""
    d, ffn = 8, 8
    shapes = {
        "self_attn.q_proj": (heads * width, d),
        "self_attn.k_proj": (kv_heads * width, d),
        "self_attn.v_proj": (kv_heads * width, d),
        "self_attn.o_proj": (d, heads * width),
        "mlp.gate_proj": (ffn, d),
        "mlp.up_proj": (ffn, d),
        "mlp.down_proj": (d, ffn),
    }
    w = {"model.embed_tokens.weight": randn(VOCABULARY, d, seed=seed) / 2}
    w["model.norm.weight"] = 1 + 0.3 * randn(d, seed=seed + 90)
    for i in range(layers):
        for j, (name, shape) in enumerate(shapes.items()):
            w[f"model.layers.{i}.{name}.weight"] = 2 * randn(*shape, seed=seed + 10 * i + j + 1) / shape[1] ** 0.5
        for j, name in enumerate(["input_layernorm", "post_attention_layernorm"], start=8):
            w[f"model.layers.{i}.{name}.weight"] = 1 + 0.3 * randn(d, seed=seed + 10 * i + j)
    return w


def clear_model(prompt, most, seed, layers=2, heads=4, kv_heads=2):
    """A model that writes a varied text. Each token leads clearly, so that no honest rounding chooses another one."""
    for start in range(1000 * seed, 1000 * seed + 3000, 100):
        w = random_model(start, layers, heads, kv_heads)
        new, _ = without_a_cache(prompt, w, heads, kv_heads, most)
        if len(set(new)) >= most // 2 and lead(prompt, new, w, heads, kv_heads) > 0.003:
            break
    return w


def plain_model(*rows):
    """No layers: the logits after a token are the products of its normalized row with all rows."""
    return {"model.embed_tokens.weight": torch.tensor(rows), "model.norm.weight": torch.ones(len(rows[0]))}


def test_two_tokens_by_hand():
    w = plain_model([1.0, 0.0], [2.0, 2.0], [0.0, 5.0])
    agrees(hunt_falls_apart, [0], w, 1, 1, 2, with_=oracle, gives=([1, 2], [-0.2641, -0.3266]))


def test_the_first_token_after_a_prompt(seed):
    prompt = [4, 11, 8, 1]
    agrees(hunt_falls_apart, prompt, clear_model(prompt, 1, seed), 4, 2, 1, with_=oracle)


@pytest.mark.card("hunt-positions-after-the-prompt")
def test_three_tokens_after_a_prompt(seed):
    prompt = [9, 2, 14]
    agrees(hunt_falls_apart, prompt, clear_model(prompt, 3, seed, 1, 2, 2), 2, 2, 3, with_=oracle)


def test_a_prompt_of_one_token(seed):
    agrees(hunt_falls_apart, [5], clear_model([5], 3, seed), 4, 2, 3, with_=oracle)


@pytest.mark.parametrize("layers, heads, kv_heads", [(1, 3, 3), (2, 2, 1)])
def test_other_numbers_of_layers_and_heads(layers, heads, kv_heads, seed):
    prompt = [1, 12]
    w = clear_model(prompt, 2, seed, layers, heads, kv_heads)
    agrees(hunt_falls_apart, prompt, w, heads, kv_heads, 2, with_=oracle)


def test_a_token_may_be_written_again():
    w = plain_model([1.0, 0.0], [2.0, 0.0])
    agrees(hunt_falls_apart, [0], w, 1, 1, 3, with_=oracle)


def test_a_model_of_width_1():
    agrees(hunt_falls_apart, [0], plain_model([1.0], [2.0], [3.0]), 1, 1, 2, with_=oracle)


def test_of_equal_logits_the_smaller_id_wins():
    w = plain_model([1.0, 0.0], [0.0, 1.0], [3.0, 0.0], [3.0, 0.0])
    agrees(hunt_falls_apart, [0], w, 1, 1, 2, with_=oracle)


@settings(max_examples=2)
@given(st.lists(st.integers(0, VOCABULARY - 1), min_size=2, max_size=5), st.integers(0, 9))
def test_any_prompt(prompt, seed):
    agrees(hunt_falls_apart, prompt, clear_model(prompt, 3, seed, 1, 2, 2), 2, 2, 3, with_=oracle)
