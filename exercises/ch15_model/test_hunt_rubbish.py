"""The probability of a token depends on the tokens before it, whatever comes after it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.hunt_rubbish import hunt_rubbish
from grader.checks import agrees, randn
from reference.ch15_model.hunt_rubbish import hunt_rubbish as oracle

V, N, D = 7, 8, 4


def some(seed, layers=2):
    """Weights of a size at which attention matters and does not choose a single key."""
    shapes = {"token": (V, D), "position": (N, D), "norm": (D,)}
    for i in range(layers):
        shapes |= {f"{i}.attention_norm": (D,), f"{i}.qkv": (3 * D, D), f"{i}.out": (D, D)}
        shapes |= {f"{i}.ffn_norm": (D,), f"{i}.up": (4 * D, D), f"{i}.down": (D, 4 * D)}
    return {name: 0.5 * randn(*shape, seed=seed + j) for j, (name, shape) in enumerate(shapes.items())}


def test_no_layers_and_two_tokens_by_hand():
    # After token 0 the input is [3, 4], normalized [0.8485, 1.1314]; the logits are [7.071, 1.1314].
    # -log p of token 1 is ln(1 + e^5.9397) = 5.9423, and its gradient for the logits is [0.99738, -0.99738].
    weights = {
        "token": torch.tensor([[3.0, 4.0], [0.0, 1.0]]),
        "position": torch.zeros(2, 2),
        "norm": torch.ones(2),
    }
    gives = {
        "token": [[0.9817, 1.0268], [-0.8463, -1.1284]],
        "position": [[0.1354, -0.1016], [0.0, 0.0]],
        "norm": [2.5389, 3.3852],
    }
    agrees(hunt_rubbish, [[0, 1]], weights, 0, 1, with_=oracle, gives=(5.9423, gives))


@pytest.mark.card("loss-too-good-sees-the-answer")
def test_one_sentence_of_three_tokens(seed):
    agrees(hunt_rubbish, [[1, 4, 2]], some(seed, layers=1), 1, 1, with_=oracle)


def test_sentences_of_different_lengths(seed):
    agrees(hunt_rubbish, [[1, 4, 2, 6], [5, 0], [3]], some(seed), 2, 2, with_=oracle)


def test_a_sentence_that_repeats_one_token(seed):
    agrees(hunt_rubbish, [[3, 3, 3]], some(seed, layers=1), 1, 2, with_=oracle)


def test_a_layer_with_one_head(seed):
    agrees(hunt_rubbish, [[6, 5, 4], [0, 1]], some(seed, layers=1), 1, 1, with_=oracle)


def test_a_model_that_is_one_number_wide():
    weights = {"token": torch.tensor([[1.0], [-2.0]]), "position": torch.tensor([[0.5]] * 3), "norm": torch.ones(1)}
    agrees(hunt_rubbish, [[0, 1, 1]], weights, 0, 1, with_=oracle)


@settings(max_examples=3)
@given(
    st.lists(st.lists(st.integers(0, V - 1), min_size=2, max_size=4), min_size=1, max_size=2),
    st.sampled_from([1, 2]),
    st.integers(0, 99),
)
def test_any_sentences(sentences, layers, seed):
    agrees(hunt_rubbish, sentences, some(seed, layers), layers, 2, with_=oracle)
