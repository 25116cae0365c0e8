"""The loss of a search model: finite for all finite scores, and with the right gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch06_numerics.hunt_sudden_nan import hunt_sudden_nan
from grader.checks import agrees, randn, seeded
from reference.ch06_numerics.hunt_sudden_nan import hunt_sudden_nan as oracle


def run(seed, steps=3, b=4, d=5, size=1.0):
    """12 random questions and passages, a random weight that gives scores of about `size`, and batches of `b`."""
    order = torch.stack([torch.randperm(12, generator=seeded(seed + i))[:b] for i in range(steps)])
    q, p = (randn(12, d, dtype=torch.float16, seed=seed + i) for i in (10, 11))
    return q, p, size * randn(d, d, seed=seed + 12) / d, order


def of_scores(*rows):
    """Questions, passages, weight and one batch with these scores."""
    n = len(rows)
    return torch.tensor(rows).half(), torch.eye(n).half(), torch.eye(n), torch.arange(n).unsqueeze(0)


def test_two_batches_by_hand():
    # Equal scores: the loss is log 2, and the scores have the gradients ±1/4.
    gives = ([0.6931], [[0.25, -0.25], [-0.25, 0.25]])
    eye, order = torch.eye(2).half(), torch.tensor([[0, 1]])
    agrees(hunt_sudden_nan, eye, eye, torch.zeros(2, 2), order, 1.0, with_=oracle, gives=gives)
    # A lead of 20: the loss is log(1 + exp(-20)), which fp16 rounds to 0.
    gives = ([0.0], [[20.0, 0.0], [0.0, 20.0]])
    agrees(hunt_sudden_nan, eye, eye, 20 * torch.eye(2), order, 1.0, with_=oracle, gives=gives)


@pytest.mark.card("hunt-fp16-exp-limit")
@pytest.mark.parametrize("size", [0.0, 1.0, 10.0, 30.0, 200.0])
def test_scores_of_every_size(size, seed):
    agrees(hunt_sudden_nan, *run(seed, size=size), 0.1, with_=oracle)


@pytest.mark.card("hunt-fp16-exp-limit")
@pytest.mark.parametrize("high", [11.0, 12.0, 87.0, 90.0, 30000.0])
def test_one_high_score(high):
    agrees(hunt_sudden_nan, *of_scores([high, 0.0, 1.0], [1.0, 2.0, 0.5], [0.0, 0.25, 1.0]), 0.5, with_=oracle)
    agrees(hunt_sudden_nan, *of_scores([0.0, 0.5, high], [1.0, 2.0, 0.5], [0.0, 0.25, 1.0]), 0.5, with_=oracle)


def test_rows_of_very_different_height():
    agrees(hunt_sudden_nan, *of_scores([40.0, 39.0, 38.5], [1.0, 2.0, 0.5], [-50.0, -49.0, -49.5]), 0.5, with_=oracle)


def test_scores_that_are_all_very_low():
    agrees(hunt_sudden_nan, *of_scores([-40.0, -39.0], [-38.0, -39.5]), 0.5, with_=oracle)


def test_scores_that_grow_while_the_model_learns(seed):
    agrees(hunt_sudden_nan, *run(seed, steps=5, size=4.0), 2.0, with_=oracle)


def test_vectors_of_one_number(seed):
    agrees(hunt_sudden_nan, *run(seed, d=1, size=30.0), 0.5, with_=oracle)


def test_a_batch_of_one_has_nothing_to_learn(seed):
    agrees(hunt_sudden_nan, *run(seed, steps=2, b=1, size=30.0), 1.0, with_=oracle)


@settings(max_examples=6)
@given(st.integers(0, 99), st.integers(1, 3), st.floats(0, 50))
def test_any_run(seed, steps, size):
    agrees(hunt_sudden_nan, *run(seed, steps, size=size), 0.3, with_=oracle)
