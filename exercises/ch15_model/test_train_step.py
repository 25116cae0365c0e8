"""Accumulate, clip, look up the rate, step: each with the right number, and once for each batch."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.train_step import train_step
from grader.checks import agrees, randn
from reference.ch15_model.train_step import train_step as oracle

EMBED, UP, DOWN, GAIN = "model.embed_tokens.weight", "mlp.up_proj.weight", "mlp.down_proj.weight", "model.norm.weight"
SHAPES = {EMBED: (5, 2), UP: (3, 1), DOWN: (2, 3), GAIN: (2,)}
SCHEDULE = {"peak": 0.01, "warmup": 4, "total": 40}


def some(seed, size=1.0):
    return {name: size * randn(*shape, seed=seed + i) for i, (name, shape) in enumerate(SHAPES.items())}


def run(seed, micro=3, size=1.0):
    """Parameters, moments and micro-batches as they may be in the middle of a run."""
    squares = {name: 0.1 * x * x for name, x in some(seed + 10).items()}
    batch = [some(seed + 100 + 10 * i, size) for i in range(micro)]
    return some(seed), some(seed + 20, 0.1), squares, batch


def zeros(params):
    return {name: torch.zeros_like(p) for name, p in params.items()}


def t(*values):
    return torch.tensor(values)


def test_the_first_step_by_hand():
    params = {"up.weight": t([1.0]), "norm.weight": t(1.0)}
    micro = [{"up.weight": t([0.0]), "norm.weight": t(4.0)}, {"up.weight": t([4.0]), "norm.weight": t(4.0)}]
    gives = (
        {"up.weight": [[0.945]], "norm.weight": [0.95]},
        {"up.weight": [[0.06]], "norm.weight": [0.08]},
        {"up.weight": [[0.018]], "norm.weight": [0.032]},
        {"lr": 0.05, "norm": 5.0},
    )
    agrees(train_step, params, zeros(params), zeros(params), micro, [1, 3], 0, 0.1, 2, 10, with_=oracle, gives=gives)


@pytest.mark.card("train-step-order")
def test_micro_batches_that_cancel_are_clipped_as_one():
    # Clipped before the accumulation they would be 1 and -1, and their mean 0.
    params = {"w": t(0.0, 0.0)}
    micro = [{"w": t(30.0, 4.0)}, {"w": t(-26.0, 2.0)}]
    gives = ({"w": [-0.1, -0.1]}, {"w": [0.0555, 0.0832]}, {"w": [0.0154, 0.0346]}, {"lr": 0.1, "norm": 3.6056})
    agrees(train_step, params, zeros(params), zeros(params), micro, [1, 1], 0, 0.1, 1, 9, with_=oracle, gives=gives)


@pytest.mark.card("schedule-by-step-not-micro-batch")
@pytest.mark.parametrize("micro", [1, 4])
def test_the_rate_depends_on_the_step_and_not_on_the_micro_batches(micro):
    params = {"w": t(1.0)}
    batch = [{"w": t(0.5)} for _ in range(micro)]
    gives = ({"w": [0.9766]}, {"w": [0.05]}, {"w": [0.0125]}, {"lr": 0.0375, "norm": 0.5})
    args = params, zeros(params), zeros(params), batch, [8] * micro, 2, 0.1, 8, 100
    agrees(train_step, *args, with_=oracle, gives=gives)


@pytest.mark.parametrize("step", [0, 1, 3, 4, 20, 39, 40])
def test_each_step_of_a_schedule(step, seed):
    agrees(train_step, *run(seed), [3, 1, 8], step, **SCHEDULE, with_=oracle)


def test_only_the_matrices_decay_and_they_need_no_gradient():
    params = {name: torch.ones(shape) for name, shape in SHAPES.items()}
    zero = zeros(params)
    agrees(train_step, params, zero, zero, [zero], [4], 0, 0.2, 1, 9, decay=0.25, with_=oracle)


@pytest.mark.parametrize("max_norm", [0.05, 3.0, 1e4])
def test_the_norm_that_gradients_may_have(max_norm, seed):
    agrees(train_step, *run(seed), [3, 1, 8], 7, **SCHEDULE, max_norm=max_norm, with_=oracle)


def test_a_batch_with_gradients_a_hundred_times_too_large(seed):
    agrees(train_step, *run(seed, size=100.0), [3, 1, 8], 7, **SCHEDULE, with_=oracle)


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.8), (0.95, 0.9)])
def test_betas_and_decay_are_passed_on(betas, seed):
    agrees(train_step, *run(seed), [3, 1, 8], 7, **SCHEDULE, betas=betas, decay=3.0, with_=oracle)


def test_one_micro_batch_is_a_batch(seed):
    agrees(train_step, *run(seed, micro=1), [5], 6, **SCHEDULE, with_=oracle)


def test_a_micro_batch_without_tokens_changes_nothing(seed):
    params, m, v, micro = run(seed)
    micro[1] = {name: torch.full_like(x, torch.nan) for name, x in micro[1].items()}
    agrees(train_step, params, m, v, micro, [3, 0, 8], 7, **SCHEDULE, with_=oracle)


def test_names_match_parameters_and_gradients_in_any_order(seed):
    params = {name: randn(2, 2, seed=seed + i) for i, name in enumerate("abc")}
    m, v = ({name: x * x for name, x in reversed(params.items())} for _ in range(2))
    micro = [{name: randn(2, 2, seed=seed + 9 + i) for i, name in enumerate("cab")} for _ in range(2)]
    agrees(train_step, params, m, v, micro, [1, 2], 7, **SCHEDULE, with_=oracle)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_norm_that_is_not_finite_is_a_value_error(bad, seed):
    params, m, v, micro = run(seed)
    micro[2][UP][1, 0] = bad
    agrees(train_step, params, m, v, micro, [3, 1, 8], 7, **SCHEDULE, with_=oracle)


@settings(max_examples=10)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=3), st.integers(0, 50), st.floats(0.01, 10), st.integers(0, 99))
def test_any_step(counts, step, max_norm, seed):
    agrees(train_step, *run(seed, len(counts)), counts, step, **SCHEDULE, max_norm=max_norm, with_=oracle)
