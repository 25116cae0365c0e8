"""From logits to probabilities."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch09_decoding.temperature import temperature
from grader.checks import agrees, exact, randn, signal, strided
from reference.ch09_decoding.temperature import temperature as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
LOG_2 = 0.69314718


@pytest.mark.card("temperature-powers-the-odds")
@pytest.mark.parametrize("t, gives", [(1.0, [0.3333, 0.6667]), (0.5, [0.2, 0.8]), (2.0, [0.4142, 0.5858])])
def test_odds_of_two_by_hand(t, gives):
    agrees(temperature, torch.tensor([0.0, LOG_2]), t, with_=oracle, gives=gives)


@pytest.mark.card("temperature-zero-is-argmax")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_at_zero_the_largest_logit_of_each_row_has_it_all(dtype):
    logits = torch.tensor([[1.0, 3.0, 2.0], [9.0, -torch.inf, 8.0]]).to(dtype)
    exact(temperature, logits, 0.0, with_=oracle, gives=[[0, 1, 0], [1, 0, 0]])


@pytest.mark.card("temperature-zero-is-argmax")
def test_at_zero_a_lead_of_one_bit_is_enough():
    exact(temperature, torch.tensor([1.0, 1.0000001, -3.0]), 0.0, with_=oracle, gives=[0, 1, 0])


@pytest.mark.card("temperature-zero-is-argmax")
def test_at_zero_the_lowest_id_of_equal_logits_wins():
    exact(temperature, torch.tensor([[2.0, 5.0, 5.0], [0.0, 0.0, 0.0]]), 0, with_=oracle, gives=[[0, 1, 0], [1, 0, 0]])


@pytest.mark.parametrize("t", [1e-36, 1e-3, 0.7, 50.0])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_any_temperature_in_any_dtype(dtype, t, seed):
    agrees(temperature, randn(3, 37, dtype=dtype, seed=seed), t, with_=oracle)


@pytest.mark.parametrize("kind", ["large", "uneven", "offset", "huge"])
def test_logits_of_every_size(kind, seed):
    agrees(temperature, signal(kind, 4, 11, seed=seed), 0.8, with_=oracle)


def test_a_temperature_at_which_the_quotient_overflows():
    logits = torch.tensor([[300_000.0, 299_999.0, -2000.0], [-1000.0, -3000.0, -999.0]])
    agrees(temperature, logits, 1e-36, with_=oracle, gives=[[1, 0, 0], [0, 0, 1]])


def test_a_small_temperature_is_not_zero():
    agrees(temperature, torch.tensor([0.0, 1e-6]), 1e-36, with_=oracle, gives=[0, 1])
    agrees(temperature, torch.zeros(2), 1e-8, with_=oracle, gives=[0.5, 0.5])


def test_tokens_that_are_ruled_out_stay_so():
    agrees(temperature, torch.tensor([[1.0, -torch.inf, 2.0], [-torch.inf, 7.0, -torch.inf]]), 0.3, with_=oracle)


@pytest.mark.parametrize("t", [0.0, 0.9])
def test_strides_more_axes_and_empty_batches(t, seed):
    agrees(temperature, strided(randn(2, 3, 5, seed=seed)), t, with_=oracle)
    agrees(temperature, torch.empty(0, 7), t, with_=oracle)


def test_a_negative_temperature_is_a_value_error():
    agrees(temperature, torch.tensor([1.0, 2.0]), -0.5, with_=oracle)


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=8), st.floats(1e-2, 1e2))
def test_any_logits_at_any_temperature(logits, t):
    agrees(temperature, torch.tensor(logits), t, with_=oracle)
