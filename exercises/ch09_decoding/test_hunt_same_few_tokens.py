"""The temperature decides which tokens are likely enough."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch09_decoding.hunt_same_few_tokens import hunt_same_few_tokens
from grader.checks import agrees, randn, seeded
from reference.ch09_decoding.hunt_same_few_tokens import hunt_same_few_tokens as oracle

NEVER = 99  # no token
BY_HAND = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 5.0], [0.0, 0.0, 0.0]]), 0, 2, torch.tensor([0.9, 0.5])


def model(seed, size=20):
    return 2 * randn(size, size, seed=seed)


def numbers(seed, count=12):
    return torch.rand(count, generator=seeded(seed))


def test_two_temperatures_by_hand():
    agrees(hunt_same_few_tokens, *BY_HAND, 1.0, 0.8, 1.0, with_=oracle, gives=([1, 2], [2, 1]))
    agrees(hunt_same_few_tokens, *BY_HAND, 4.0, 0.8, 1.0, with_=oracle, gives=([2], [3]))


def test_at_temperature_1(seed):
    agrees(hunt_same_few_tokens, model(seed), 0, NEVER, numbers(seed), 1.0, 0.7, 1.0, with_=oracle)


@pytest.mark.card("hunt-temperature-before-nucleus")
@pytest.mark.parametrize("t", [1.5, 2.0, 4.0])
def test_a_draw_at_a_high_temperature(t, seed):
    agrees(hunt_same_few_tokens, model(seed), 3, NEVER, numbers(seed), t, 0.7, 1.0, with_=oracle)


@pytest.mark.card("hunt-temperature-before-nucleus")
@pytest.mark.parametrize("t", [0.3, 0.7])
def test_a_draw_at_a_low_temperature(t, seed):
    agrees(hunt_same_few_tokens, model(seed), 3, NEVER, numbers(seed), t, 0.9, 1.0, with_=oracle)


@pytest.mark.parametrize("mass", [0.0, 1.0])
def test_a_nucleus_of_one_token_and_of_all(mass, seed):
    agrees(hunt_same_few_tokens, model(seed), 2, NEVER, numbers(seed), 1.5, mass, 1.0, with_=oracle)


@pytest.mark.parametrize("again", [0.0, 4.0])
def test_tokens_of_the_text_are_lowered_once(again, seed):
    agrees(hunt_same_few_tokens, model(seed, 6), 2, NEVER, numbers(seed), 2.0, 0.8, again, with_=oracle)


def test_equal_tokens_that_reach_the_mass_exactly(seed):
    agrees(hunt_same_few_tokens, torch.zeros(4, 4), 0, NEVER, numbers(seed), 2.0, 0.5, 0.0, with_=oracle)


def test_numbers_near_the_end_of_an_interval():
    table = torch.tensor([1.0, 3.0, 9.0]).log().repeat(3, 1)  # 1/13 is 0.076923
    agrees(hunt_same_few_tokens, table, 0, NEVER, torch.tensor([0.07691, 0.07696]), 1.0, 1.0, 0.0, with_=oracle)


def test_a_long_text(seed):
    agrees(hunt_same_few_tokens, model(seed), 0, NEVER, numbers(seed, 150), 1.3, 0.9, 0.5, with_=oracle)


def test_one_number_and_one_token(seed):
    agrees(hunt_same_few_tokens, model(seed), 4, NEVER, numbers(seed, 1), 2.0, 0.8, 1.0, with_=oracle)
    agrees(hunt_same_few_tokens, torch.zeros(1, 1), 0, NEVER, numbers(seed, 2), 2.0, 0.8, 1.0, with_=oracle)


def test_the_text_ends_with_the_end_token(seed):
    table, u = model(seed), numbers(seed)
    text, _ = oracle(table, 0, NEVER, u, 2.0, 0.8, 1.0)
    agrees(hunt_same_few_tokens, table, 0, text[4], u, 2.0, 0.8, 1.0, with_=oracle)


@settings(max_examples=8)
@given(st.sampled_from([0.4, 0.8, 1.0, 1.7, 3.0]), st.sampled_from([0.5, 0.85]), st.integers(0, 99))
def test_any_sampler(t, mass, seed):
    agrees(hunt_same_few_tokens, model(seed), 0, NEVER, numbers(seed), t, mass, 1.0, with_=oracle)
