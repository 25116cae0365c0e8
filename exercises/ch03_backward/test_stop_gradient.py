"""What detach() cuts, and what no_grad() does not record."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch03_backward.stop_gradient import stop_gradient
from grader.checks import agrees, exact, randn, strided
from reference.ch03_backward.stop_gradient import stop_gradient as oracle


@pytest.mark.card("straight-through-rounding", "detach-or-no-grad", "no-grad-severs-nothing")
def test_the_five_programs_at_1_75_by_hand():
    gives = {
        "round": [[2.0], [0.0]],
        "straight-through": [[2.0], [10.0]],
        "detach": [[4.8125], [10.0]],
        "no_grad": [[4.8125], [10.0]],
        "no_grad later": [[4.8125], [45.0]],
    }
    agrees(stop_gradient, torch.tensor([1.75]), torch.tensor([10.0]), with_=oracle, gives=gives)


@pytest.mark.card("straight-through-rounding")
def test_ties_round_to_the_even_neighbour():
    exact(stop_gradient, torch.tensor([0.5, 1.5, 2.5, -1.5, -2.5, 3.0]), torch.arange(1.0, 7.0), with_=oracle)


@pytest.mark.card("no-grad-severs-nothing")
def test_every_place_has_its_own_gradient(seed):
    agrees(stop_gradient, 3 * randn(4, 5, seed=seed), randn(4, 5, seed=seed + 1), with_=oracle)


@pytest.mark.card("straight-through-rounding")
def test_far_from_zero_the_gradient_still_passes(seed):
    agrees(stop_gradient, 1000 * randn(20, seed=seed), randn(20, seed=seed + 1), with_=oracle)


def test_strides_scalars_and_empty_tensors_make_no_difference(seed):
    agrees(stop_gradient, strided(randn(3, 4, seed=seed)), strided(randn(3, 4, seed=seed + 1)), with_=oracle)
    agrees(stop_gradient, torch.tensor(-1.25), torch.tensor(2.0), with_=oracle)
    agrees(stop_gradient, torch.empty(0, 3), torch.empty(0, 3), with_=oracle)


@given(st.lists(st.integers(-64, 64), min_size=1, max_size=6), st.integers(-8, 8))
def test_any_eighths(eighths, dy):
    x = torch.tensor(eighths) / 8
    agrees(stop_gradient, x, torch.full_like(x, dy), with_=oracle)
