"""Weights, gradients, moments, master copy: bytes by recipe."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch04_optimization.optimizer_bytes import optimizer_bytes
from grader.checks import agrees
from reference.ch04_optimization.optimizer_bytes import optimizer_bytes as oracle

FP32, BF16 = torch.float32, torch.bfloat16
LLAMA_8B = 8_030_261_248


def recipe(optimizer, weights=FP32, gradients=FP32, moments=FP32, master=None):
    entries = {"optimizer": optimizer, "weights": weights, "gradients": gradients, "moments": moments}
    return entries | ({"master": master} if master else {})


MIXED = recipe("adamw", BF16, BF16, FP32, FP32)


def test_ten_parameters_with_momentum_by_hand():
    agrees(optimizer_bytes, 10, recipe("momentum"), with_=oracle, gives={"state": 40, "total": 120})


@pytest.mark.card("adamw-state-bytes")
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_adam_in_float32_keeps_8_bytes_of_state_for_each_parameter(optimizer):
    agrees(optimizer_bytes, 1, recipe(optimizer), with_=oracle, gives={"state": 8, "total": 16})


@pytest.mark.card("adamw-state-bytes")
def test_plain_descent_keeps_no_state():
    agrees(optimizer_bytes, 7, recipe("sgd"), with_=oracle, gives={"state": 0, "total": 56})


@pytest.mark.card("sixteen-bytes-mixed")
def test_mixed_precision_keeps_12_bytes_of_state_and_16_in_all():
    agrees(optimizer_bytes, 1, MIXED, with_=oracle, gives={"state": 12, "total": 16})


@pytest.mark.card("sixteen-bytes-mixed")
def test_an_8b_model_takes_128_gb_before_its_activations():
    gives = {"state": 96_363_134_976, "total": 128_484_179_968}
    agrees(optimizer_bytes, LLAMA_8B, MIXED, with_=oracle, gives=gives)


@pytest.mark.parametrize(
    "entries",
    [
        recipe("adamw", BF16, BF16, BF16),
        recipe("adamw", BF16, FP32, FP32, FP32),
        recipe("adam", BF16, BF16, torch.uint8, FP32),
        recipe("momentum", torch.float16, torch.float16, FP32, FP32),
        recipe("momentum", torch.float16, FP32, torch.float16),
        recipe("sgd", BF16, BF16, FP32, FP32),
        recipe("adam", torch.float64, torch.float64, torch.float64),
    ],
    ids=["all bf16", "fp32 gradients", "8-bit moments", "fp16", "fp16 velocity", "sgd with a master", "fp64"],
)
def test_other_recipes(entries):
    agrees(optimizer_bytes, 1000, entries, with_=oracle)


def test_bytes_beyond_what_a_float_can_count():
    entries = recipe("adamw", torch.float8_e4m3fn, torch.float8_e4m3fn, torch.uint8, torch.uint8)
    gives = {"state": 300_000_000_000_000_003, "total": 500_000_000_000_000_005}
    agrees(optimizer_bytes, 10**17 + 1, entries, with_=oracle, gives=gives)


@pytest.mark.parametrize("optimizer", ["rmsprop", "AdamW", ""])
def test_an_unknown_optimizer_is_a_value_error(optimizer):
    agrees(optimizer_bytes, 10, recipe(optimizer), with_=oracle)


def test_no_parameters_take_no_bytes():
    agrees(optimizer_bytes, 0, MIXED, with_=oracle, gives={"state": 0, "total": 0})


dtypes = st.sampled_from([torch.float64, FP32, BF16, torch.float16, torch.float8_e4m3fn, torch.uint8])


@given(
    st.integers(0, 10**12),
    st.builds(
        recipe, st.sampled_from(["sgd", "momentum", "adam", "adamw"]), dtypes, dtypes, dtypes, dtypes | st.none()
    ),
)
def test_any_recipe(params, entries):
    agrees(optimizer_bytes, params, entries, with_=oracle)
