"""Weights in int8 cost about 1 %."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch06_numerics.hunt_noisy_int8 import hunt_noisy_int8
from grader.checks import agrees, randn
from reference.ch06_numerics.hunt_noisy_int8 import hunt_noisy_int8 as oracle


def matrix(out, n, seed):
    """Random weights. Right answers may round in two ways where weight / scale is near a half, so these are 0."""
    w = randn(out, n, seed=seed)
    return w.masked_fill(near_a_half(w), 0.0)


def near_a_half(w):
    whole = 127 * w.double() / w.double().abs().amax(1, keepdim=True)
    return (whole - whole.floor() - 0.5).abs() < 0.02


def layer(d, hidden, seed):
    return {"up": matrix(hidden, d, seed), "down": matrix(d, hidden, seed + 1)}


def test_two_channels_by_hand():
    w = {"up": torch.tensor([[127.0, 0.4], [0.0, 0.0]]), "down": torch.tensor([[1.27, 5.0], [0.01, 0.0]])}
    gives = [[[160.0, 1.27]], {"up": [0.0031, 0.0], "down": [0.0020, 0.0]}]
    agrees(hunt_noisy_int8, torch.tensor([[1.0, 1.0]]), w, with_=oracle, gives=gives)


@pytest.mark.card("int8-scale-per-output-channel")
@pytest.mark.parametrize("name", ["up", "down"])
def test_a_large_channel_costs_the_others_nothing(name, seed):
    w = layer(6, 8, seed)
    w[name][2] *= 100
    agrees(hunt_noisy_int8, randn(3, 6, seed=seed + 2), w, with_=oracle)


@pytest.mark.card("int8-scale-per-output-channel")
def test_a_small_channel_keeps_its_digits(seed):
    w = layer(6, 8, seed)
    w["up"][0] *= 1e-4
    w["down"][1] *= 1e-4
    agrees(hunt_noisy_int8, randn(3, 6, seed=seed + 2), w, with_=oracle)


def test_as_many_inputs_as_outputs(seed):
    agrees(hunt_noisy_int8, randn(2, 5, seed=seed + 2), layer(5, 5, seed), with_=oracle)


def test_weights_near_the_end_of_int8_are_not_clipped(seed):
    w = layer(4, 6, seed)
    w["up"][:, 0] = 3 * w["up"].abs().amax(1) * torch.tensor([1.0, -1.0] * 3)
    w["up"] = w["up"].masked_fill(near_a_half(w["up"]), 0.0)
    agrees(hunt_noisy_int8, randn(3, 4, seed=seed + 2), w, with_=oracle)


def test_a_layer_of_width_1(seed):
    w = {"up": torch.tensor([[0.7]]), "down": torch.tensor([[-3.0]])}
    agrees(hunt_noisy_int8, randn(1, 1, seed=seed), w, with_=oracle)


def test_channels_of_zeros(seed):
    w = layer(4, 6, seed)
    w["up"][1], w["down"][0] = 0, 0
    agrees(hunt_noisy_int8, randn(2, 4, seed=seed + 2), w, with_=oracle)


@settings(max_examples=8)
@given(st.integers(1, 4), st.integers(2, 7), st.integers(2, 7), st.integers(0, 99))
def test_any_shape(b, d, hidden, seed):
    agrees(hunt_noisy_int8, randn(b, d, seed=seed + 2), layer(d, hidden, seed), with_=oracle)
