"""What is trained, what is counted, and what the file holds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.hunt_saved_model import hunt_saved_model
from grader.checks import agrees, randn, seeded
from reference.ch15_model.hunt_saved_model import EMBED, MIX
from reference.ch15_model.hunt_saved_model import hunt_saved_model as oracle


def run(seed, vocabulary=7, d=4, texts=3, n=6):
    """Random texts and random weights."""
    ids = torch.randint(0, vocabulary, (texts, n), generator=seeded(seed))
    return ids, {EMBED: randn(vocabulary, d, seed=seed + 1), MIX: randn(d, 2 * d, seed=seed + 2) / d**0.5}


def test_one_step_by_hand():
    # Row 0 is 0, so the hidden state and both logits are 0, and its gradient is 2 · (0.5 · 0 - 0.5 · 1) = -1. Then the
    # hidden state is tanh(1) = 0.7616, and the logits are 0.3808 and 0.7616.
    weights = {EMBED: torch.tensor([[0.0], [1.0]]), MIX: torch.tensor([[1.0, 1.0]])}
    gives = ([0.6931], 4, {EMBED: [[0.5], [1.0]], MIX: [[1.0, 1.0]]}, 0.5208)
    agrees(hunt_saved_model, torch.tensor([[0, 0, 1]]), weights, 1, 0.5, with_=oracle, gives=gives)


@pytest.mark.card("hunt-tied-by-name-only")
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_few_steps(steps, seed):
    agrees(hunt_saved_model, *run(seed), steps, 0.5, with_=oracle)


def test_tokens_that_no_text_has(seed):
    ids, weights = run(seed, vocabulary=20)
    agrees(hunt_saved_model, ids % 5, weights, 3, 1.0, with_=oracle)


def test_a_text_that_only_has_one_token(seed):
    ids, weights = run(seed)
    agrees(hunt_saved_model, torch.full_like(ids, 2), weights, 3, 0.5, with_=oracle)


def test_one_text_of_three_tokens(seed):
    agrees(hunt_saved_model, *run(seed, texts=1, n=3), 3, 0.5, with_=oracle)


def test_weights_in_the_other_order(seed):
    ids, weights = run(seed, d=3)
    agrees(hunt_saved_model, ids, dict(reversed(weights.items())), 3, 0.5, with_=oracle)


@settings(max_examples=5)
@given(st.integers(0, 99), st.integers(2, 9), st.integers(1, 4), st.floats(0.01, 1))
def test_any_run(seed, vocabulary, steps, lr):
    agrees(hunt_saved_model, *run(seed, vocabulary), steps, lr, with_=oracle)
