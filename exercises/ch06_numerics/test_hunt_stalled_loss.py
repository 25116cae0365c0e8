"""Small steps add up."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch06_numerics.hunt_stalled_loss import hunt_stalled_loss
from grader.checks import agrees, randn, seeded
from reference.ch06_numerics.hunt_stalled_loss import hunt_stalled_loss as oracle


def run(seed, d=4, classes=2, size=1.0):
    """5 random points with random classes, and weights of about `size`."""
    x = randn(5, d, dtype=torch.bfloat16, seed=seed)
    targets = torch.randint(0, classes, (5,), generator=seeded(seed + 1))
    gain = 1 + 0.1 * randn(d, seed=seed + 2)
    return x, targets, {"gain": size * gain, "head": size * randn(classes, d, seed=seed + 3)}


def test_one_step_by_hand():
    # The scores are equal, so the loss is log 2. Adam's first step is lr, against the sign of the gradient.
    x, targets = torch.tensor([[2.0]]).bfloat16(), torch.tensor([0])
    weights = {"gain": torch.tensor([1.0]), "head": torch.tensor([[1.002], [1.002]])}
    gives = ([0.6931], {"gain": [1.0], "head": [[1.003], [1.001]]})
    agrees(hunt_stalled_loss, x, targets, weights, 1, 0.001, with_=oracle, gives=gives)


def test_the_loss_of_the_bf16_copies_by_hand():
    # The copies of 1.0045 and -1.0035 are 1.0078 and -1. So the scores are 16 · 0.0078 = 0.125 and 0.
    x, targets = torch.ones(1, 32).bfloat16(), torch.tensor([0])
    weights = {"gain": torch.ones(32), "head": torch.tensor([[1.0045, -1.0035] * 16, [0.0] * 32])}
    gives = ([0.6326], {"gain": [1.001, 0.999] * 16, "head": [[1.0055, -1.0025] * 16, [-0.001] * 32]})
    agrees(hunt_stalled_loss, x, targets, weights, 1, 0.001, with_=oracle, gives=gives)


@pytest.mark.card("hunt-bf16-step-from-copy")
def test_three_steps(seed):
    agrees(hunt_stalled_loss, *run(seed), 3, 1e-3, with_=oracle)


@pytest.mark.card("hunt-bf16-step-from-copy")
@pytest.mark.parametrize("size", [0.25, 8.0])
def test_weights_of_another_size(size, seed):
    agrees(hunt_stalled_loss, *run(seed, size=size), 2, 1e-3 * size, with_=oracle)


def test_a_first_step_from_weights_that_bf16_does_not_have(seed):
    agrees(hunt_stalled_loss, *run(seed), 1, 1e-4, with_=oracle)


def test_weights_in_the_other_order(seed):
    x, targets, weights = run(seed, d=3, classes=5)
    agrees(hunt_stalled_loss, x, targets, dict(reversed(weights.items())), 2, 1e-3, with_=oracle)


@settings(max_examples=2)
@given(st.integers(0, 99), st.integers(1, 2), st.floats(1e-4, 3e-2))
def test_any_run(seed, steps, lr):
    agrees(hunt_stalled_loss, *run(seed), steps, lr, with_=oracle)
