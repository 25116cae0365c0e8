"""A run that stops is the run that does not."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.hunt_resume_spike import hunt_resume_spike
from grader.checks import agrees, randn, seeded
from reference.ch15_model.hunt_resume_spike import hunt_resume_spike as oracle


# With seed 8 no gradient is near 0. A run that lost `v` divides by such a gradient.
def run(seed, batches=2, vocabulary=4, d=2):
    """Batches of two random texts, which have every token before another one, and random parameters."""
    ids = torch.rand(batches, 2, vocabulary, generator=seeded(seed)).argsort(dim=-1)
    ids = torch.cat([ids, ids[..., :1]], dim=-1)
    return ids, {"table": randn(vocabulary, d, seed=seed + 1), "head": randn(vocabulary, d, seed=seed + 2)}


def test_a_stop_between_two_steps_by_hand():
    # The first step moves row 0 of the table by lr. In the second step both moments have two terms: 0.0995 in all.
    params = {"table": torch.zeros(2, 1), "head": torch.tensor([[1.0], [-1.0]])}
    gives = ([0.6931, 0.5984], {"table": [[-0.1995], [0.0]], "head": [[1.0744], [-1.0744]]})
    agrees(hunt_resume_spike, torch.tensor([[[0, 1]]]), params, 1, 2, 0.1, 0, with_=oracle, gives=gives)


@pytest.mark.card("hunt-resume-moments")
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_stop_after_any_step(stop):
    agrees(hunt_resume_spike, *run(8), stop, 4, 0.05, 8, with_=oracle)


@pytest.mark.parametrize("stop", [0, 3, 9])
def test_a_stop_before_the_first_step_or_after_the_last(stop, seed):
    agrees(hunt_resume_spike, *run(seed), stop, 3, 0.05, seed, with_=oracle)


def test_long_after_the_stop(seed):
    agrees(hunt_resume_spike, *run(seed), 2, 7, 0.3, seed, with_=oracle)


def test_tokens_that_no_batch_has(seed):
    ids, params = run(seed, vocabulary=7)
    agrees(hunt_resume_spike, ids % 3, params, 2, 3, 0.05, seed, with_=oracle)


def test_one_batch_again_and_again(seed):
    agrees(hunt_resume_spike, *run(seed, batches=1), 2, 4, 0.05, seed, with_=oracle)


@settings(max_examples=3)
@given(st.integers(1, 3), st.integers(0, 3), st.floats(1e-3, 0.1))
def test_any_run(batches, stop, lr):
    agrees(hunt_resume_spike, *run(8, batches), stop, 4, lr, 8, with_=oracle)
