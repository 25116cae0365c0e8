"""A run that stops is the run that does not."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.hunt_resume_spike import hunt_resume_spike
from grader.checks import agrees, randn, seeded
from reference.ch15_model.hunt_resume_spike import hunt_resume_spike as oracle


def run(seed, batches=3, vocabulary=6, d=4):
    """Batches of random texts, and random parameters."""
    ids = torch.randint(0, vocabulary, (batches, 4, 5), generator=seeded(seed))
    return ids, {"table": randn(vocabulary, d, seed=seed + 1), "head": randn(vocabulary, d, seed=seed + 2)}


def test_a_stop_between_two_steps_by_hand():
    # The first step moves row 0 of the table by lr. In the second step both moments have two terms: 0.0995 in all.
    params = {"table": torch.zeros(2, 1), "head": torch.tensor([[1.0], [-1.0]])}
    gives = ([0.6931, 0.5984], {"table": [[-0.1995], [0.0]], "head": [[1.0744], [-1.0744]]})
    agrees(hunt_resume_spike, torch.tensor([[[0, 1]]]), params, 1, 2, 0.1, 0, with_=oracle, gives=gives)


@pytest.mark.card("hunt-resume-moments")
@pytest.mark.parametrize("stop", [1, 3, 4, 5])
def test_a_stop_after_any_step(stop, seed):
    agrees(hunt_resume_spike, *run(seed), stop, 7, 0.05, seed, with_=oracle)


@pytest.mark.parametrize("stop", [0, 5, 9])
def test_a_stop_before_the_first_step_or_after_the_last(stop, seed):
    agrees(hunt_resume_spike, *run(seed), stop, 5, 0.05, seed, with_=oracle)


@pytest.mark.parametrize("lr", [1e-3, 0.3])
def test_long_after_the_stop(lr, seed):
    agrees(hunt_resume_spike, *run(seed), 2, 14, lr, seed, with_=oracle)


def test_tokens_that_no_batch_has(seed):
    ids, params = run(seed, vocabulary=20)
    agrees(hunt_resume_spike, ids % 4, params, 2, 5, 0.05, seed, with_=oracle)


def test_one_batch_again_and_again(seed):
    agrees(hunt_resume_spike, *run(seed, batches=1), 3, 6, 0.05, seed, with_=oracle)


@settings(max_examples=5)
@given(st.integers(0, 99), st.integers(1, 4), st.integers(0, 5), st.floats(1e-3, 0.1))
def test_any_run(seed, batches, stop, lr):
    agrees(hunt_resume_spike, *run(seed, batches), stop, 6, lr, seed, with_=oracle)
