"""Adam's first step: lr, whatever the gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch04_optimization.first_update import first_update
from grader.checks import agrees, randn, signal, strided
from reference.ch04_optimization.first_update import first_update as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.card("adams-first-step", "first-step-uncorrected")
def test_a_gradient_of_one_half_by_hand():
    gives = {"corrected": [0.1], "uncorrected": [0.3162]}
    agrees(first_update, torch.tensor([0.5]), lr=0.1, with_=oracle, gives=gives)


@pytest.mark.card("adams-first-step", "first-step-uncorrected")
def test_the_gradient_does_not_matter():
    g = torch.tensor([0.01, -1.0, 1000.0])
    gives = {"corrected": [0.1] * 3, "uncorrected": [0.3162] * 3}
    agrees(first_update, g, lr=0.1, with_=oracle, gives=gives)


@pytest.mark.card("first-step-uncorrected")
@pytest.mark.parametrize("betas, gives", [((0.9, 0.95), 0.4472), ((0.9, 0.99), 1.0), ((0.5, 0.999), 15.8114)])
def test_without_correction_the_betas_decide(betas, gives):
    result = {"corrected": [1.0], "uncorrected": [gives]}
    agrees(first_update, torch.tensor([3.0]), lr=1.0, betas=betas, with_=oracle, gives=result)


@pytest.mark.card("first-step-on-a-ramp")
@pytest.mark.parametrize("warmup", [0, 1, 2, 2000])
def test_on_a_ramp_the_first_step_is_its_first_stage(warmup, seed):
    agrees(first_update, randn(5, seed=seed), lr=0.3, warmup=warmup, with_=oracle)


def test_gradients_as_small_as_eps_and_none_at_all():
    g = torch.tensor([1e-7, -1e-7, 3e-8, 1e-8, 1e-10, 0.0])
    agrees(first_update, g, lr=0.1, with_=oracle)


def test_a_large_eps_shortens_ordinary_steps(seed):
    agrees(first_update, randn(6, seed=seed), lr=0.1, eps=0.25, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["ordinary", "tiny", "large", "huge"])
def test_gradients_of_every_size(kind, dtype, seed):
    agrees(first_update, signal(kind, 3, 5, dtype=dtype, seed=seed), lr=0.3, betas=(0.9, 0.98), with_=oracle)


def test_gradients_whose_squares_leave_fp16():
    agrees(first_update, torch.tensor([300.0, -6e4, 1e-4, 6e-8, 0.0]).half(), lr=0.5, with_=oracle)


def test_strides_and_no_parameters_make_no_difference(seed):
    agrees(first_update, strided(randn(3, 4, seed=seed)), with_=oracle)
    agrees(first_update, torch.empty(0), with_=oracle)


@settings(max_examples=15)
@given(
    st.lists(st.floats(-1e4, 1e4, width=32).filter(lambda x: x == 0 or abs(x) > 1e-20), min_size=1, max_size=4),
    st.floats(0, 0.95),
    st.floats(0.5, 0.999),
    st.integers(0, 100),
)
def test_any_first_step(gradient, beta_1, beta_2, warmup):
    agrees(first_update, torch.tensor(gradient), lr=0.1, betas=(beta_1, beta_2), warmup=warmup, with_=oracle)
