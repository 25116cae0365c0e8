"""How far a step moves each weight, as a share of the weight."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.update_to_weight import update_to_weight
from grader.checks import agrees, randn, strided
from reference.ch15_model.update_to_weight import update_to_weight as oracle

SHAPES = {"model.embed_tokens.weight": (6, 3), "up.weight": (4, 3), "norm.weight": (3,), "scale": ()}


def t(*numbers, dtype=torch.float32):
    return torch.tensor(numbers, dtype=dtype)


def step(seed, size, dtype=torch.float32):
    """Weights before and after a step. Each parameter has a size of its own, and the update is `size` times it."""
    before, after = {}, {}
    for i, (name, shape) in enumerate(SHAPES.items()):
        weight, update = (randn(*shape, seed=seed + 10 * i + j) * 10.0 ** (1 - i) for j in range(2))
        before[name], after[name] = weight.to(dtype), (weight + size * update).to(dtype)
    return before, after


def test_three_parameters_by_hand():
    before = {"up": t(3.0, 4.0), "norm": t(1.0), "bias": t(0.0)}
    after = {"up": t(3.0, 4.01), "norm": t(1.0), "bias": t(0.2)}
    agrees(update_to_weight, before, after, with_=oracle, gives={"up": 0.002, "norm": 0.0, "bias": torch.inf})


@pytest.mark.card("update-to-weight-1e-3")
@pytest.mark.parametrize("size", [1e-3, 0.1, 10.0])
def test_each_parameter_by_its_own_size(size, seed):
    agrees(update_to_weight, *step(seed, size), with_=oracle)


def test_a_weight_that_only_turns_has_moved():
    agrees(update_to_weight, {"w": t(3.0, 4.0)}, {"w": t(4.0, 3.0)}, with_=oracle, gives={"w": 0.2828})
    agrees(update_to_weight, {"w": t(1.0, -2.0)}, {"w": t(-1.0, 2.0)}, with_=oracle, gives={"w": 2.0})


@pytest.mark.card("bf16-gain-does-not-move")
def test_a_gain_of_one_in_bf16_does_not_move():
    gains = torch.ones(4)
    smaller = (gains - 1e-3).to(torch.bfloat16)  # the next number below 1 is 1 - 2^-8
    agrees(update_to_weight, {"norm": gains.bfloat16()}, {"norm": smaller}, with_=oracle, gives={"norm": 0.0})
    agrees(update_to_weight, {"norm": gains}, {"norm": gains - 1e-3}, with_=oracle, gives={"norm": 0.001})


def test_a_gain_whose_numbers_are_all_one_has_a_size():
    agrees(update_to_weight, {"norm": torch.ones(4)}, {"norm": t(1.25, 1.0, 1.0, 1.0)}, with_=oracle)
    agrees(
        update_to_weight, {"norm": torch.ones(4)}, {"norm": torch.full((4,), 1.5)}, with_=oracle, gives={"norm": 0.5}
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_of_16_bits_are_subtracted_in_float64(dtype, seed):
    agrees(update_to_weight, *step(seed, 0.05, dtype), with_=oracle)


def test_before_and_after_may_differ_in_dtype(seed):
    before, after = step(seed, 0.01)
    agrees(update_to_weight, {n: w.bfloat16() for n, w in before.items()}, after, with_=oracle)


def test_weights_of_zeros_and_weights_without_numbers():
    before = {"lora_B": torch.zeros(2, 3), "bias": torch.zeros(2), "none": torch.empty(0, 4)}
    after = {"lora_B": torch.full((2, 3), 1e-3), "bias": torch.zeros(2), "none": torch.empty(0, 4)}
    agrees(update_to_weight, before, after, with_=oracle, gives={"lora_B": torch.inf, "bias": 0.0, "none": 0.0})
    agrees(update_to_weight, {}, {}, with_=oracle, gives={})


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_an_update_that_is_not_finite_shows_in_its_parameter(bad, seed):
    before, after = step(seed, 0.01)
    after["up.weight"][1, 2] = bad
    agrees(update_to_weight, before, after, with_=oracle)


def test_tiny_and_huge_weights(seed):
    before, after = step(seed, 0.01)
    for size in (1e-25, 1e25):
        scaled = [{name: size * w for name, w in side.items()} for side in (before, after)]
        agrees(update_to_weight, *scaled, with_=oracle)


def test_strides_and_order_make_no_difference(seed):
    before, after = step(seed, 0.01)
    after = {name: after[name] for name in reversed(after)}
    agrees(update_to_weight, {n: strided(w) if w.dim() else w for n, w in before.items()}, after, with_=oracle)


def test_other_names_or_shapes_are_a_value_error():
    agrees(update_to_weight, {"a": t(1.0)}, {"b": t(1.0)}, with_=oracle)
    agrees(update_to_weight, {"a": t(1.0), "b": t(2.0)}, {"a": t(1.0)}, with_=oracle)
    agrees(update_to_weight, {"a": t(1.0)}, {"a": t(1.0), "b": t(2.0)}, with_=oracle)
    agrees(update_to_weight, {"a": torch.ones(2, 3)}, {"a": torch.ones(3)}, with_=oracle)


NUMBERS = st.floats(-1e3, 1e3, width=32)


@settings(max_examples=20)
@given(st.lists(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=4), max_size=3))
def test_any_step(parameters):
    before = {f"w{i}": torch.tensor([old for old, _ in rows]) for i, rows in enumerate(parameters)}
    after = {f"w{i}": torch.tensor([new for _, new in rows]) for i, rows in enumerate(parameters)}
    agrees(update_to_weight, before, after, with_=oracle)
