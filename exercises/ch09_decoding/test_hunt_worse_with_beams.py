"""A search with caches finds the texts that a search without a cache finds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch09_decoding.hunt_worse_with_beams import hunt_worse_with_beams
from grader.checks import agrees
from reference.ch09_decoding.hunt_worse_with_beams import hunt_worse_with_beams as oracle
from reference.ch09_decoding.hunt_worse_with_beams import margin, random_model

SIZE, WIDTH, ROWS = 7, 6, 40


def clear_model(prompt, beams, most, seed, layers=2, width=WIDTH):
    """A model with which every step of the search decides clearly, so that no honest rounding keeps another text."""
    for start in range(100 * seed, 100 * seed + 100):
        model = random_model(start, SIZE, width, layers, ROWS)
        if margin(prompt, model, beams, most) > 1e-3:
            break
    return model


def test_one_step_by_hand():
    model = {"table": torch.tensor([[0.0, 1.0], [1.0, 0.5]]), "positions": torch.zeros(9, 2)}
    agrees(hunt_worse_with_beams, [0], model, 2, 1, with_=oracle, gives=([[0], [1]], [-0.4741, -0.9741]))


def test_one_beam(seed):
    agrees(hunt_worse_with_beams, [1, 4], clear_model([1, 4], 1, 4, seed), 1, 4, with_=oracle)


@pytest.mark.card("hunt-beams-own-caches")
@pytest.mark.parametrize("beams", [2, 4])
def test_several_beams(beams, seed):
    prompt = [5, 0, 3]
    agrees(hunt_worse_with_beams, prompt, clear_model(prompt, beams, 4, seed), beams, 4, with_=oracle)


@pytest.mark.card("hunt-beams-own-caches")
def test_two_steps_of_several_beams(seed):
    agrees(hunt_worse_with_beams, [2], clear_model([2], 3, 2, seed), 3, 2, with_=oracle)


def test_one_layer(seed):
    agrees(hunt_worse_with_beams, [6, 6], clear_model([6, 6], 3, 4, seed, layers=1), 3, 4, with_=oracle)


def test_three_layers(seed):
    agrees(hunt_worse_with_beams, [1, 2], clear_model([1, 2], 2, 3, seed, layers=3), 2, 3, with_=oracle)


def test_a_model_of_width_1(seed):
    agrees(hunt_worse_with_beams, [4, 2], clear_model([4, 2], 2, 2, seed, width=1), 2, 2, with_=oracle)


def test_more_beams_than_tokens(seed):
    agrees(hunt_worse_with_beams, [3, 1], clear_model([3, 1], 9, 2, seed), 9, 2, with_=oracle)


def test_of_equal_results_the_earlier_text_and_the_lower_id_stay():
    model = {"table": torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]), "positions": torch.zeros(9, 2)}
    agrees(hunt_worse_with_beams, [0], model, 4, 2, with_=oracle)


@settings(max_examples=3)
@given(st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=4), st.integers(2, 4), st.integers(0, 9))
def test_any_search(prompt, beams, seed):
    agrees(hunt_worse_with_beams, prompt, clear_model(prompt, beams, 3, seed), beams, 3, with_=oracle)
