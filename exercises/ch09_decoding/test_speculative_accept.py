"""The large model's distribution, with drafts of the small model."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch09_decoding.speculative_accept import speculative_accept
from grader.checks import agrees, randn, seeded
from reference.ch09_decoding.speculative_accept import speculative_accept as oracle

LARGE = torch.tensor([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
SMALL = torch.tensor([[0.25, 0.5, 0.25]])


def models(m, n, seed, spread=1.0):
    p = torch.softmax(spread * randn(m + 1, n, seed=seed), -1)
    return p, torch.softmax(p[:m].log() + randn(m, n, seed=seed + 1), -1)


def numbers(n, seed):
    return torch.rand(n, generator=seeded(seed + 70)).tolist()


@pytest.mark.card("speculative-rule")
@pytest.mark.parametrize("u, gives", [(0.4, [1, 2]), (0.6, [0])])
def test_a_draft_that_is_twice_too_likely_is_accepted_half_the_time(u, gives):
    agrees(speculative_accept, LARGE, SMALL, [1], [u], 0.7, with_=oracle, gives=gives)


@pytest.mark.card("speculative-is-exact")
def test_all_draws_together_are_the_large_models_distribution():
    p = torch.tensor([[0.375, 0.125, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25]])
    q = torch.tensor([[0.125, 0.5, 0.25, 0.125]])
    for x, u, v in itertools.product(range(4), [0.125, 0.375], [0.25, 0.75]):
        agrees(speculative_accept, p, q, [x], [u], v, with_=oracle)


@pytest.mark.card("speculative-residual")
@pytest.mark.parametrize("v", [0.0, 0.3, 0.7, 0.99])
def test_a_rejected_draft_is_replaced_by_what_is_owed(v):
    p, q = torch.tensor([[0.125, 0.375, 0.125, 0.375], [1, 0, 0, 0]]), torch.tensor([[0.375, 0.25, 0.25, 0.125]])
    agrees(speculative_accept, p, q, [0], [0.5], v, with_=oracle)
    agrees(speculative_accept, p, q, [2], [0.6], v, with_=oracle)


def test_the_residual_is_drawn_from_without_rounding():
    p, q = torch.tensor([[0.2498, 0.3754, 0.3748], [1, 0, 0]]), torch.tensor([[0.75, 0.125, 0.125]])
    agrees(speculative_accept, p, q, [0], [0.9], 0.5004, with_=oracle, gives=[1])


def test_a_draft_that_the_large_model_likes_better_is_always_accepted():
    agrees(speculative_accept, LARGE, SMALL, [0], [0.999], 0.5, with_=oracle, gives=[0, 2])


@pytest.mark.card("speculative-rule")
def test_on_the_border_it_is_rejected_even_at_zero():
    agrees(speculative_accept, LARGE, SMALL, [1], [0.5], 0.5, with_=oracle, gives=[0])
    p, q = torch.tensor([[0.0, 0.5, 0.5], [1, 0, 0]]), torch.tensor([[0.5, 0.25, 0.25]])
    agrees(speculative_accept, p, q, [0], [0.0], 0.6, with_=oracle, gives=[2])


def test_after_the_first_rejection_all_is_dropped():
    p = torch.tensor([[0.5, 0.5, 0.0], [0.25, 0.25, 0.5], [0.5, 0.25, 0.25], [0.25, 0.5, 0.25]])
    q = torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25], [0.25, 0.5, 0.25]])
    agrees(speculative_accept, p, q, [0, 0, 0], [0.1, 0.7, 0.1], 0.5, with_=oracle, gives=[0, 2])
    agrees(speculative_accept, p, q, [2, 0, 1], [0.1, 0.2, 0.3], 0.5, with_=oracle, gives=[1])
    agrees(speculative_accept, p, q, [1, 2, 0], [0.9, 0.8, 0.9], 0.1, with_=oracle, gives=[1, 2, 0, 0])


def test_each_draft_has_a_number_of_its_own(seed):
    for i in range(6):
        p, q = models(4, 5, seed + 10 * i)
        drafts = torch.multinomial(q, 1, generator=seeded(seed + i)).flatten().tolist()
        agrees(speculative_accept, p, q, drafts, numbers(4, seed + i), numbers(1, i)[0], with_=oracle)


def test_without_drafts_a_step_is_a_draw(seed):
    agrees(speculative_accept, models(0, 6, seed)[0], torch.empty(0, 6), [], [], 0.4, with_=oracle)


@settings(max_examples=15)
@given(st.integers(0, 3), st.integers(2, 6), st.integers(0, 99), st.floats(0, 0.99))
def test_any_models_and_drafts(m, n, seed, v):
    p, q = models(m, n, seed)
    drafts = [int(x * n) for x in numbers(m, seed + 1)]
    agrees(speculative_accept, p, q, drafts, numbers(m, seed), round(v, 3), with_=oracle)
