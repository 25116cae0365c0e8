"""Gradients of a scaled loss: what is clipped, what the optimizer gets, and what an overflow does."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.hunt_fp16_crawl import hunt_fp16_crawl
from grader.checks import agrees, randn, seeded
from reference.ch15_model.hunt_fp16_crawl import hunt_fp16_crawl as oracle


def run(seed, steps=2, size=1.0, d=3, hidden=4, classes=3):
    """Batches of 4 random points with random classes, and weights that give them different scores."""
    x = (size * randn(steps, 4, d, seed=seed)).half()
    targets = torch.randint(0, classes, (steps, 4), generator=seeded(seed + 1))
    return x, targets, {"up": 0.5 * randn(hidden, d, seed=seed + 2), "down": randn(classes, hidden, seed=seed + 3)}


def one_unit(steps=1):
    """One hidden unit at 0, whose weight has the gradient -3."""
    weights = {"up": torch.tensor([[0.0]]), "down": torch.tensor([[1.0], [-1.0]])}
    return torch.full((steps, 1, 1), 3.0).half(), torch.zeros(steps, 1, dtype=torch.int64), weights


def test_a_gradient_of_3_by_hand():
    # The loss is log 2, and the gradient of "up" is (-0.5 · 1 + 0.5 · -1) · 3 = -3.
    down = [[1.0], [-1.0]]
    gives = ([0.6931], {"up": [[0.1]], "down": down}, 1024.0)
    agrees(hunt_fp16_crawl, *one_unit(), 0.1, 1.0, 1024.0, with_=oracle, gives=gives)
    gives = ([0.6931], {"up": [[0.3]], "down": down}, 1024.0)
    agrees(hunt_fp16_crawl, *one_unit(), 0.1, 9.0, 1024.0, with_=oracle, gives=gives)


def test_an_overflow_skips_the_step_and_halves_the_scale():
    # 3 · 65,536 and 3 · 32,768 are above 65,504.
    gives = ([0.6931] * 3, {"up": [[0.1]], "down": [[1.0], [-1.0]]}, 16384.0)
    agrees(hunt_fp16_crawl, *one_unit(steps=3), 0.1, with_=oracle, gives=gives)


def test_the_limit_stays_when_the_scale_is_halved():
    gives = ([0.6931] * 3, {"up": [[0.01]], "down": [[1.0], [-1.0]]}, 16384.0)
    agrees(hunt_fp16_crawl, *one_unit(steps=3), 0.1, 0.1, with_=oracle, gives=gives)


@pytest.mark.card("hunt-clip-scaled-norm")
@pytest.mark.parametrize("max_norm", [0.05, 1.0, 1e3])
def test_a_run_with_any_limit(max_norm, seed):
    agrees(hunt_fp16_crawl, *run(seed), 0.3, max_norm, 1024.0, with_=oracle)


@pytest.mark.card("hunt-clip-scaled-norm")
@pytest.mark.parametrize("scale", [64.0, 2048.0])
def test_the_scale_changes_no_step(scale, seed):
    agrees(hunt_fp16_crawl, *run(seed), 0.3, 0.5, scale, with_=oracle)


def test_small_gradients_need_the_scale(seed):
    # They are about 1e-7. fp16 has no numbers between 0 and 6e-8.
    agrees(hunt_fp16_crawl, *run(seed, size=2e-5), 1e5, 1.0, with_=oracle)


def test_no_weight_moves_while_every_step_overflows(seed):
    agrees(hunt_fp16_crawl, *run(seed), 0.3, 1.0, 2.0**30, with_=oracle)


def test_one_batch_with_large_gradients_is_clipped(seed):
    x, targets, weights = run(seed)
    x[1] *= 8
    agrees(hunt_fp16_crawl, x, targets, weights, 0.3, 0.5, 512.0, with_=oracle)


def test_weights_in_the_other_order(seed):
    x, targets, weights = run(seed, d=3, hidden=2, classes=5)
    agrees(hunt_fp16_crawl, x, targets, dict(reversed(weights.items())), 0.3, 0.5, 1024.0, with_=oracle)


@settings(max_examples=3)
@given(st.integers(0, 99), st.integers(1, 3), st.floats(0.01, 10), st.integers(4, 12))
def test_any_run(seed, steps, max_norm, exponent):
    agrees(hunt_fp16_crawl, *run(seed, steps), 0.2, max_norm, 2.0**exponent, with_=oracle)
