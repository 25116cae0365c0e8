"""The text with a cache is the text without one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.generate import generate
from grader.checks import agrees, randn, strided
from reference.ch15_model.generate import generate as oracle
from reference.ch15_model.generate import lead

VOCABULARY, NEVER, MOST = 24, 24, 8  # the second is no token


def random_model(seed, layers=2, heads=4, kv_heads=2, width=4, dtype=torch.float32):
    """Weights by Hugging Face's names. Attention is strong, so that the text depends on all tokens and their places."""
    d, ffn = 8, 12
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
    return {name: t.to(dtype) for name, t in w.items()}


def clear_model(prompt, seed, heads=4, kv_heads=2, **shape):
    """A model that writes a varied text. Each token leads clearly, so that no honest rounding chooses another one."""
    for start in range(1000 * seed, 1000 * seed + 3000, 100):
        w = random_model(start, heads=heads, kv_heads=kv_heads, **shape)
        text = oracle(prompt, w, heads, kv_heads, NEVER, MOST)
        if len(set(text)) >= MOST // 2 and lead(prompt + text, len(text), w, heads, kv_heads) > 0.003:
            break
    return w


def plain_model(*rows):
    """No layers: the logits after a token are the products of its normalized row with all rows."""
    return {"model.embed_tokens.weight": torch.tensor(rows), "model.norm.weight": torch.ones(len(rows[0]))}


def test_three_tokens_by_hand():
    w = plain_model([1.0, 0.0], [2.0, 2.0], [0.0, 5.0])
    agrees(generate, [0], w, 1, 1, 2, 9, with_=oracle, gives=[1])
    agrees(generate, [0], w, 1, 1, 9, 2, with_=oracle, gives=[1, 2])


@pytest.mark.card("generate-positions-continue", "generate-feeds-each-token-once")
@pytest.mark.parametrize("prompt", [[3], [9, 2, 2, 14, 0, 21]], ids=len)
def test_a_text_after_a_prompt_of_any_length(prompt, seed):
    agrees(generate, prompt, clear_model(prompt, seed), 4, 2, NEVER, MOST, with_=oracle)


@pytest.mark.card("generate-positions-continue")
def test_the_first_two_tokens(seed):
    prompt = [4, 19, 8, 1]
    agrees(generate, prompt, clear_model(prompt, seed), 4, 2, NEVER, 2, with_=oracle)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_weights_in_16_bits(dtype, seed):
    prompt = [7, 7, 3]
    agrees(generate, prompt, clear_model(prompt, seed, dtype=dtype), 4, 2, NEVER, MOST, with_=oracle)


@pytest.mark.parametrize("layers, heads, kv_heads", [(1, 3, 3), (3, 2, 1)])
def test_other_numbers_of_layers_and_heads(layers, heads, kv_heads, seed):
    prompt = [1, 20, 6]
    w = clear_model(prompt, seed, heads, kv_heads, layers=layers)
    agrees(generate, prompt, w, heads, kv_heads, NEVER, MOST, with_=oracle)


@pytest.mark.parametrize("place", [0, 3])
def test_generation_ends_before_the_stop_token(place, seed):
    prompt = [2, 11, 11, 5]
    w = clear_model(prompt, seed)
    text = oracle(prompt, w, 4, 2, NEVER, MOST)
    agrees(generate, prompt, w, 4, 2, text[place], MOST, with_=oracle)


def test_a_stop_token_in_the_prompt_ends_nothing(seed):
    prompt = [8, 15, 8, 3]
    w = clear_model(prompt, seed)
    text = oracle(prompt, w, 4, 2, NEVER, MOST)
    stop = next(token for token in range(VOCABULARY) if token not in text)
    agrees(generate, [stop, *prompt[1:]], w, 4, 2, stop, 3, with_=oracle)


@pytest.mark.parametrize("most", [0, 3])
def test_there_are_at_most_so_many_new_tokens(most, seed):
    prompt = [12]
    agrees(generate, prompt, clear_model(prompt, seed), 4, 2, NEVER, most, with_=oracle)


def test_of_equal_logits_the_smaller_id_wins():
    w = plain_model([1.0, 0.0], [0.0, 1.0], [3.0, 0.0], [3.0, 0.0])
    agrees(generate, [0], w, 1, 1, 9, 2, with_=oracle, gives=[2, 2])


def test_logits_that_are_equal_in_16_bits_are_not_equal():
    w = plain_model([1.0, 0.0], [10000.0, 0.0], [10001.0, 0.0])
    agrees(generate, [0], w, 1, 1, 9, 2, with_=oracle, gives=[2, 2])


def test_a_model_of_width_1():
    agrees(generate, [0], plain_model([1.0], [2.0], [3.0]), 1, 1, 9, 2, with_=oracle, gives=[2, 2])


@pytest.mark.parametrize("most", [0, 4])
def test_an_empty_prompt_is_a_value_error(most, seed):
    agrees(generate, [], random_model(seed), 4, 2, NEVER, most, with_=oracle)


def test_strides_make_no_difference(seed):
    prompt = [0, 23, 16]
    w = {name: strided(t) for name, t in clear_model(prompt, seed).items()}
    agrees(generate, prompt, w, 4, 2, NEVER, MOST, with_=oracle)


@settings(max_examples=3)
@given(st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=8), st.integers(0, 9))
def test_any_prompt(prompt, seed):
    agrees(generate, prompt, clear_model(prompt, seed), 4, 2, NEVER, MOST, with_=oracle)
