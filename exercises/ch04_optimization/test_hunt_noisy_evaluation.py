"""Dropout belongs to the training, and the whole network has the held-out loss."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch04_optimization.hunt_noisy_evaluation import hunt_noisy_evaluation
from grader.checks import agrees, seeded
from reference.ch04_optimization.hunt_noisy_evaluation import hunt_noisy_evaluation as oracle
from reference.ch04_optimization.hunt_noisy_evaluation import random_weights

SIZE, CONTEXT = 7, 2


def model(seed, context=CONTEXT):
    return random_weights(seed, SIZE, context, 4, 6)


def text(seed, count):
    return torch.randint(SIZE, (count,), generator=seeded(seed))


def texts(seed):
    return text(seed, 14), text(seed + 50, 9)


def test_equal_logits_by_hand():
    weights = {"table": torch.zeros(2, 1), "in": torch.zeros(1, 1), "out": torch.zeros(2, 1)}
    ids = torch.tensor([0, 1, 0, 0, 1])  # after its first token as many zeros as ones
    gives = [0.6931], [0.6931], {"table": [[0.0], [0.0]], "in": [[0.0]], "out": [[0.0], [0.0]]}
    agrees(hunt_noisy_evaluation, weights, ids, ids, 0.5, 1, 1, 0.1, 0, with_=oracle, gives=gives)


@pytest.mark.card("hunt-dropout-in-evaluation")
def test_an_evaluation_and_a_step(seed):
    agrees(hunt_noisy_evaluation, model(seed), *texts(seed), 0.5, 1, 1, 0.3, seed, with_=oracle)


@pytest.mark.card("hunt-dropout-in-evaluation")
@pytest.mark.parametrize("every", [1, 2, 3])
def test_evaluations_during_four_steps(every, seed):
    agrees(hunt_noisy_evaluation, model(seed), *texts(seed), 0.4, 4, every, 0.3, seed, with_=oracle)


def test_a_low_rate(seed):
    agrees(hunt_noisy_evaluation, model(seed), *texts(seed), 0.1, 3, 1, 0.3, seed, with_=oracle)


def test_without_dropout(seed):
    agrees(hunt_noisy_evaluation, model(seed), *texts(seed), 0.0, 3, 2, 0.3, seed, with_=oracle)


def test_a_held_out_text_as_long_as_the_training_text(seed):
    agrees(hunt_noisy_evaluation, model(seed), text(seed, 9), text(seed + 1, 9), 0.5, 3, 1, 0.3, seed, with_=oracle)


def test_one_token_before(seed):
    agrees(hunt_noisy_evaluation, model(seed, context=1), *texts(seed), 0.3, 3, 1, 0.3, seed, with_=oracle)


@settings(max_examples=4)
@given(st.sampled_from([0.2, 0.5, 0.7]), st.integers(1, 3), st.integers(1, 3), st.integers(0, 99))
def test_any_run(rate, steps, every, seed):
    agrees(hunt_noisy_evaluation, model(seed), *texts(seed), rate, steps, every, 0.2, seed, with_=oracle)
