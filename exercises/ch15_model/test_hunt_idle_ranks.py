"""After a restart every rank draws what it would have drawn without one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.hunt_idle_ranks import hunt_idle_ranks
from grader.checks import agrees, randn, seeded
from reference import tiny
from reference.ch15_model.hunt_idle_ranks import hunt_idle_ranks as oracle


def checkpoint(weights, ranks, seed, step=0):
    """A checkpoint with moments that fit its step, and a state for each rank, which has drawn before."""
    small = 0.01 if step else 0.0
    states = []
    for rank in range(ranks):
        generator = torch.Generator().manual_seed(1000 * seed + 7 * rank + 12)
        torch.randint(9, (step + 5,), generator=generator)
        states.append(generator.get_state())
    moments = {name: small * w for name, w in weights.items()}
    squares = {name: (0.1 * small * w.abs()) for name, w in weights.items()}
    return {"params": weights, "m": moments, "v": squares, "step": step, "rng": states}


def table(seed):
    """A model without layers: it predicts a token from the one before it."""
    return {"model.embed_tokens.weight": randn(4, 2, seed=seed), "model.norm.weight": torch.ones(2)}


def text(seed, n=40):
    return torch.randint(4, (n,), generator=seeded(seed))


def test_one_rank_and_one_window_by_hand():
    # Both tokens have p = 1/2, so the loss is ln 2. The gradient of the table is [0.5, -0.5]: Adam's first step is 0.1.
    weights = {"model.embed_tokens.weight": torch.ones(2, 1), "model.norm.weight": torch.ones(1)}
    gives = ([0.6931], {"model.embed_tokens.weight": [[0.9], [1.1]], "model.norm.weight": [1.0]})
    saved = checkpoint(weights, 1, 0)
    agrees(hunt_idle_ranks, saved, torch.tensor([0, 1]), 1, 1, 1, 1, 1, 1, 0.1, with_=oracle, gives=gives)


@pytest.mark.card("ranks-need-own-streams")
@pytest.mark.parametrize("ranks", [1, 3])
def test_each_rank_reads_its_own_text(ranks, seed):
    saved = checkpoint(table(seed), ranks, seed)
    agrees(hunt_idle_ranks, saved, text(seed), 1, 1, 1, 4, 10**6, 1, 0.01, with_=oracle)


def test_some_inputs_are_dropped_by_each_rank(seed):
    saved = checkpoint(table(seed), 2, seed)
    agrees(hunt_idle_ranks, saved, text(seed), 1, 1, 2, 8, 3, 1, 0.01, with_=oracle)


def test_a_model_with_a_layer(seed):
    saved = checkpoint(tiny.weights(seed, width=8, layers=1, std=0.3), 2, seed, step=4)
    agrees(hunt_idle_ranks, saved, tiny.corpus(seed, 200), 4, 2, 1, 4, 3, 1, 0.01, with_=oracle)


def test_a_run_goes_on_at_its_step(seed):
    saved = checkpoint(table(seed), 3, seed, step=7)
    agrees(hunt_idle_ranks, saved, text(seed), 1, 1, 2, 4, 5, 3, 0.01, with_=oracle)


@settings(max_examples=2)
@given(st.integers(1, 3), st.integers(1, 2), st.integers(1, 5), st.integers(0, 99))
def test_any_ranks(ranks, rows, length, seed):
    saved = checkpoint(table(seed), ranks, seed, step=2)
    agrees(hunt_idle_ranks, saved, text(seed), 1, 1, rows, length, 4, 2, 0.01, with_=oracle)
