"""Training is the same each time, goes on after a stop to the same bit, and learns."""

import math

import pytest
import torch

from grader.model import training
from grader.model.training import Plan
from tests.model.conftest import SMALL

PLAN = Plan(steps=6, rows=3, lengths=(16, 5), peak=1e-2, warmup=2, seed=4)


@pytest.fixture(scope="module")
def tokens() -> torch.Tensor:
    """A text of 60 ids that follow each other in one order, again and again."""
    return torch.arange(1200) % 60


def run(ours, tokens, plan, state=None):
    state = state or training.initial(ours, SMALL, plan.seed)
    return list(training.steps(ours, SMALL, tokens, plan, state)), state


def same(one, other) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_two_runs_from_one_seed_are_equal_to_the_bit(ours, tokens):
    (steps, state), (again, other) = run(ours, tokens, PLAN), run(ours, tokens, PLAN)
    assert steps == again
    assert same(state.params, other.params) and same(state.m, other.m) and same(state.v, other.v)


def test_a_run_that_stopped_goes_on_to_the_same_bit(ours, tokens):
    whole, end = run(ours, tokens, PLAN)
    state = training.initial(ours, SMALL, PLAN.seed)
    running = training.steps(ours, SMALL, tokens, PLAN, state)
    before = [next(running) for _ in range(3)]
    kept = ours.save(state.saved())
    next(running)  # goes on, and must not change what was saved
    after, resumed = run(ours, tokens, PLAN, training.restored(ours.load(kept)))
    assert before + after == whole
    assert same(resumed.params, end.params) and same(resumed.v, end.v)


def test_the_loss_starts_near_that_of_a_uniform_guess_and_falls(ours, tokens):
    steps, _ = run(ours, tokens, Plan(steps=40, rows=4, lengths=(16, 5), peak=1e-2, warmup=5, seed=1))
    assert abs(steps[0].loss - math.log(300)) < 0.1
    assert steps[-1].loss < math.log(60) / 2  # ids alone, without their order, would lose ln 60


def test_a_step_counts_the_tokens_of_all_its_windows(ours, tokens):
    (first, *_), _ = run(ours, tokens, PLAN)
    assert first.tokens == 3 * 16 + 3 * 5
    assert first.number == 1 and first.lr == 5e-3  # the first of two steps of warmup


def test_windows_begin_at_places_that_fit_and_repeat_only_in_a_new_pass(ours, tokens):
    state = training.initial(ours, SMALL, 1)
    starts = [start for _ in range(12) for start in training._starts(state, 1200, PLAN, 16)]
    assert all(0 <= start < 1200 - 16 for start in starts)
    assert len(set(starts)) == 36
