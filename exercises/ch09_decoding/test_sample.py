"""In whose interval does the number fall?"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch09_decoding.sample import sample
from grader.checks import agrees, randn, seeded, strided
from reference.ch09_decoding.sample import sample as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def numbers(*shape, seed=0):
    return torch.rand(shape, generator=seeded(seed + 50))


def probabilities(*shape, dtype=torch.float32, seed=0, spread=2.0):
    return torch.softmax(spread * randn(*shape, seed=seed), -1).to(dtype)


@pytest.mark.card("inverse-cdf-sampling")
@pytest.mark.parametrize("u, gives", [(0.2, 0), (0.4, 2), (0.9, 3)])
def test_three_numbers_by_hand(u, gives):
    agrees(sample, torch.tensor([0.25, 0.0, 0.25, 0.5]), torch.tensor(u), with_=oracle, gives=gives)


@pytest.mark.card("inverse-cdf-zero")
def test_a_stretch_begins_with_its_first_point_and_ends_before_its_last():
    p = torch.tensor([0.25, 0.0, 0.25, 0.5])
    agrees(sample, p.expand(3, 4), torch.tensor([0.0, 0.25, 0.5]), with_=oracle, gives=[0, 2, 3])


@pytest.mark.card("inverse-cdf-zero")
def test_a_token_of_probability_zero_is_never_drawn():
    agrees(sample, torch.tensor([0.0, 0.5, 0.5]), torch.tensor(0.0), with_=oracle, gives=1)
    agrees(sample, torch.tensor([0.0, 1.0, 0.0, 0.0]), torch.tensor(0.9999), with_=oracle, gives=1)


@pytest.mark.parametrize("u", [0.45, 0.7, 0.999])
def test_a_row_that_adds_up_to_less_than_one(u):
    agrees(sample, torch.tensor([0.25, 0.125, 0.125, 0.0]), torch.tensor(u), with_=oracle)


def test_a_row_that_adds_up_to_more_than_one():
    agrees(sample, torch.tensor([2.0, 1.0, 1.0]).expand(3, 3), torch.tensor([0.3, 0.6, 0.9]), with_=oracle)


def test_each_row_has_its_own_sum():
    p = torch.tensor([[0.5, 0.5, 0.5], [1.0, 2.0, 1.0]])
    agrees(sample, p, torch.tensor([0.9, 0.1]), with_=oracle, gives=[2, 0])


def test_the_largest_number_below_one():
    u = torch.nextafter(torch.tensor(1.0), torch.tensor(0.0))
    agrees(sample, torch.tensor([[0.5, 0.25, 0.25], [0.75, 0.25, 0.0]]), u.expand(2), with_=oracle, gives=[2, 1])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_number_for_each_row(dtype, seed):
    agrees(sample, probabilities(20, 37, dtype=dtype, seed=seed), numbers(20, seed=seed), with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_many_small_probabilities_are_added_in_float32(dtype, seed):
    agrees(sample, probabilities(6, 500, dtype=dtype, seed=seed, spread=0.5), numbers(6, seed=seed), with_=oracle)


def test_strides_more_axes_and_empty_batches(seed):
    agrees(sample, strided(probabilities(2, 3, 5, seed=seed)), strided(numbers(2, 3, seed=seed)), with_=oracle)
    agrees(sample, probabilities(2, 1, 5, seed=seed), numbers(2, 1, seed=seed), with_=oracle)
    agrees(sample, torch.empty(0, 7), torch.empty(0), with_=oracle)


@pytest.mark.parametrize("u", [-0.1, 1.0, 1.5])
def test_a_number_outside_is_a_value_error(u):
    agrees(sample, torch.full((2, 4), 0.25), torch.tensor([0.5, u]), with_=oracle)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=6), st.integers(0, 63))
def test_any_weights_with_any_number(weights, u):
    p = torch.tensor([*weights, 64 - sum(weights)]) / 64
    agrees(sample, p, torch.tensor(u / 64), with_=oracle)
