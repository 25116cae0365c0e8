"""One model, one text, one loss."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.hunt_two_losses import hunt_two_losses
from grader.checks import agrees, randn, seeded
from reference.ch15_model.hunt_two_losses import hunt_two_losses as oracle

REPEATS = {  # a model without layers: a repetition costs 0.0181 nats, and a change 4.0181
    "model.embed_tokens.weight": torch.tensor([[1.0, 1.0], [-1.0, -1.0]]),
    "model.norm.weight": torch.tensor([1.0, 1.0]),
}


VOCABULARY = 5


def text(n, seed):
    return torch.randint(VOCABULARY, (n,), generator=seeded(seed))


def model(seed, heads=2, kv_heads=1, ffn=5):
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
    return {name: randn(*shape, seed=seed + i) for i, (name, shape) in enumerate(shapes.items())}, heads, kv_heads


def test_two_predictions_by_hand():
    gives = {"loss": 2.0181, "perplexity": 7.5243, "tokens": 2}
    agrees(hunt_two_losses, torch.tensor([0, 0, 1]), REPEATS, 1, 1, 3, 1, with_=oracle, gives=gives)


@pytest.mark.card("loss-over-batches-by-tokens")
@pytest.mark.parametrize("batch", [1, 2])
def test_a_short_window_by_hand(batch):
    ids = torch.tensor([0, 0, 0, 0, 0, 0, 1])  # four times 0.0181, then a window with a single prediction: 4.0181
    gives = {"loss": 0.8181, "perplexity": 2.2663, "tokens": 5}
    agrees(hunt_two_losses, ids, REPEATS, 1, 1, 5, batch, with_=oracle, gives=gives)


@pytest.mark.card("loss-over-batches-by-tokens")
@pytest.mark.parametrize("batch", [1, 2, 9])
def test_batches_of_any_size(batch, seed):
    agrees(hunt_two_losses, text(11, seed), *model(seed), 3, batch, with_=oracle)


@pytest.mark.parametrize("n", [12, 11, 10])
def test_any_length_of_the_last_window(n, seed):
    agrees(hunt_two_losses, text(n, seed), *model(seed), 4, 3, with_=oracle)


def test_one_window_is_the_whole_text(seed):
    agrees(hunt_two_losses, text(5, seed), *model(seed), 8, 2, with_=oracle)
    agrees(hunt_two_losses, text(2, seed), *model(seed), 2, 1, with_=oracle)


@pytest.mark.parametrize(("heads", "kv_heads", "ffn"), [(4, 2, 3), (1, 1, 1)])
def test_models_with_other_heads(heads, kv_heads, ffn, seed):
    agrees(hunt_two_losses, text(7, seed), *model(seed, heads, kv_heads, ffn), 3, 2, with_=oracle)


def test_a_likely_text_has_a_loss_near_0():
    agrees(hunt_two_losses, torch.zeros(9, dtype=torch.int64), REPEATS, 1, 1, 4, 2, with_=oracle)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_window_of_one_token_predicts_nothing(batch, seed):
    agrees(hunt_two_losses, text(5, seed), *model(seed), 4, batch, with_=oracle)


@settings(max_examples=3)
@given(st.integers(2, 10), st.integers(2, 5), st.integers(1, 4), st.integers(0, 99))
def test_any_cut(n, window, batch, seed):
    agrees(hunt_two_losses, text(n, seed), *model(seed), window, batch, with_=oracle)
