"""A model learns the tokens of its texts, all of them and nothing else."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.hunt_short_answers import hunt_short_answers
from grader.checks import agrees, randn, seeded
from reference.ch15_model.hunt_short_answers import hunt_short_answers as oracle

VOCABULARY, PAD = 7, 6
REPEATS = {  # a model without layers: a repetition costs 0.0181 nats, and a change 4.0181
    "model.embed_tokens.weight": torch.tensor([[1.0, 1.0], [-1.0, -1.0]]),
    "model.norm.weight": torch.tensor([1.0, 1.0]),
}


def texts(lengths, seed, vocabulary=PAD):
    """Random texts of these lengths, without PAD."""
    ids = iter(torch.randint(vocabulary, (sum(lengths),), generator=seeded(seed)).tolist())
    return [[next(ids) for _ in range(length)] for length in lengths]


def model(seed, heads=2, kv_heads=1, ffn=3):
    """The weights of a model with one layer, and its heads."""
    width = 2 * heads
    layer = {
        "self_attn.q_proj": (width, width),
        "self_attn.k_proj": (2 * kv_heads, width),
        "self_attn.v_proj": (2 * kv_heads, width),
        "self_attn.o_proj": (width, width),
        "mlp.gate_proj": (ffn, width),
        "mlp.up_proj": (ffn, width),
        "mlp.down_proj": (width, ffn),
        "input_layernorm": (width,),
        "post_attention_layernorm": (width,),
    }
    shapes = {f"model.layers.0.{name}.weight": shape for name, shape in layer.items()}
    shapes |= {"model.embed_tokens.weight": (VOCABULARY, width), "model.norm.weight": (width,)}
    return {name: 0.7 * randn(*s, seed=seed + i) for i, (name, s) in enumerate(shapes.items())}, heads, kv_heads


def table(seed):
    """A model without layers for ids below 5: it predicts a token from the one before it. And its heads."""
    return {"model.embed_tokens.weight": randn(5, 2, seed=seed), "model.norm.weight": torch.ones(2)}, 1, 1


@pytest.mark.card("padding-in-the-loss")
@pytest.mark.parametrize("pad", [0, 1])
def test_three_predictions_by_hand(pad):
    # a learning rate of 0 leaves the weights as they are
    gives = [[1.3515], {name: w.tolist() for name, w in REPEATS.items()}]
    agrees(hunt_short_answers, [[0, 0, 0], [0, 1]], REPEATS, 1, 1, pad, 2, 0.0, with_=oracle, gives=gives)


def test_texts_of_equal_length(seed):
    agrees(hunt_short_answers, texts([4, 4, 4, 4], seed), *model(seed), PAD, 2, 0.1, with_=oracle)


@pytest.mark.card("padding-in-the-loss")
def test_texts_of_unequal_length(seed):
    agrees(hunt_short_answers, texts([2, 4, 3, 5], seed, 4), *table(seed), 4, 2, 0.1, with_=oracle)


def test_the_long_text_may_come_first(seed):
    agrees(hunt_short_answers, texts([7, 2, 2], seed, 4), *table(seed), 4, 3, 0.3, with_=oracle)


@pytest.mark.card("padding-in-the-loss")
def test_pad_may_be_a_token_of_the_texts(seed):
    ended = [[*text, 0] for text in texts([2, 4, 3, 1], seed, 5)]
    ended[1][1] = ended[2][0] = 0
    agrees(hunt_short_answers, ended, *table(seed), 0, 2, 0.1, with_=oracle)


def test_a_short_last_step(seed):
    agrees(hunt_short_answers, texts([3, 2, 5, 2, 4], seed, 4), *table(seed), 4, 2, 0.1, with_=oracle)


def test_a_single_text_a_step(seed):
    agrees(hunt_short_answers, texts([3, 5], seed), *model(seed), PAD, 1, 0.1, with_=oracle)


@pytest.mark.parametrize(("heads", "kv_heads", "ffn"), [(4, 2, 3), (1, 1, 1)])
def test_models_with_other_heads(heads, kv_heads, ffn, seed):
    start = model(seed, heads, kv_heads, ffn)
    agrees(hunt_short_answers, texts([4, 2], seed), *start, PAD, 2, 0.2, with_=oracle)


@settings(max_examples=2)
@given(st.lists(st.integers(2, 5), min_size=1, max_size=4), st.integers(1, 3), st.integers(0, 99))
def test_any_lengths(lengths, batch, seed):
    agrees(hunt_short_answers, texts(lengths, seed, 4), *table(seed), 4, batch, 0.1, with_=oracle)
