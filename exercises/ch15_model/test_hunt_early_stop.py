"""A run learns up to its last step, whatever the number of micro-batches of a step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.hunt_early_stop import hunt_early_stop
from grader.checks import agrees, randn, seeded
from reference import tiny
from reference.ch15_model.hunt_early_stop import hunt_early_stop as oracle


def table(seed):
    """A model without layers: it predicts a token from the one before it."""
    return {"model.embed_tokens.weight": randn(4, 2, seed=seed), "model.norm.weight": torch.ones(2)}


def stream(seed, micro, rows=1, length=3):
    """Micro-batches, and held-out windows."""
    ids = torch.randint(4, (micro + 1, rows, length), generator=seeded(seed))
    return list(ids[1:]), ids[0]


def test_one_step_of_one_window_by_hand():
    # Both tokens have p = 1/2, so the loss is ln 2, and the gradient of the table is [0.5, -0.5]. The warmup is this
    # one step, so its rate is the peak. It moves each logit by 0.4: -log p becomes ln(1 + e^-0.8) = 0.3711.
    weights = {"model.embed_tokens.weight": torch.ones(2, 1), "model.norm.weight": torch.ones(1)}
    window = torch.tensor([[0, 1]])
    gives = ([0.6931], 0.3711)
    agrees(hunt_early_stop, [window, window], window, 2, weights, 1, 1, 0.8, 1, with_=oracle, gives=gives)


@pytest.mark.card("schedule-runs-ahead")
@pytest.mark.parametrize("per_step", [1, 3])
def test_the_same_steps_for_any_number_of_micro_batches(per_step, seed):
    agrees(hunt_early_stop, *stream(seed, 3 * per_step), per_step, table(seed), 1, 1, 0.1, 1, with_=oracle)


@pytest.mark.parametrize("warmup", [0, 2, 3])
def test_warmups_of_some_steps_none_and_all(warmup, seed):
    agrees(hunt_early_stop, *stream(seed, 6, rows=2), 2, table(seed), 1, 1, 0.1, warmup, with_=oracle)


def test_a_model_with_a_layer(seed):
    weights = tiny.weights(seed, width=8, layers=1, std=0.3)
    agrees(hunt_early_stop, *stream(seed, 4), 2, weights, 4, 2, 0.1, 1, with_=oracle)


def test_micro_batches_that_make_no_whole_batch_are_not_used(seed):
    agrees(hunt_early_stop, *stream(seed, 8), 3, table(seed), 1, 1, 0.2, 1, with_=oracle)


@settings(max_examples=2)
@given(st.integers(1, 2), st.integers(1, 3), st.integers(0, 2), st.integers(0, 99))
def test_any_run(steps, per_step, rest, seed):
    micro = steps * per_step + min(rest, per_step - 1)
    agrees(hunt_early_stop, *stream(seed, micro), per_step, table(seed), 1, 1, 0.1, min(1, steps), with_=oracle)
