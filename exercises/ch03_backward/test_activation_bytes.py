"""Batch times the numbers that each layer keeps per row, summed over the layers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch03_backward.activation_bytes import activation_bytes
from grader.checks import agrees
from reference.ch03_backward.activation_bytes import activation_bytes as oracle

FP32, BF16 = torch.float32, torch.bfloat16
MIB = 2**20


@pytest.mark.card("gelu-keeps-its-input")
@pytest.mark.parametrize("activation, gives", [("relu", 56), ("gelu", 88)])
def test_two_layers_and_two_rows_by_hand(activation, gives):
    agrees(activation_bytes, 2, [3, 4, 1], activation, FP32, with_=oracle, gives=gives)


def test_a_single_layer_keeps_its_input_only():
    agrees(activation_bytes, 5, [3, 7], "gelu", FP32, with_=oracle, gives=60)


@pytest.mark.card("activations-grow-with-the-batch")
@pytest.mark.parametrize("batch, gives", [(1, 56), (8, 448), (64, 3584)])
def test_eight_times_the_batch_takes_eight_times_the_bytes(batch, gives):
    agrees(activation_bytes, batch, [4, 8, 8, 8, 2], "relu", BF16, with_=oracle, gives=gives)


@pytest.mark.card("activations-grow-with-the-batch")
@pytest.mark.parametrize("depth, gives", [(1, 8 * MIB), (12, 96 * MIB), (96, 768 * MIB)])
def test_1024_rows_of_width_4096_take_8_mib_a_layer(depth, gives):
    agrees(activation_bytes, 1024, [4096] * depth + [10], "relu", BF16, with_=oracle, gives=gives)


@pytest.mark.card("gelu-keeps-its-input")
def test_a_feed_forward_layer_keeps_nine_widths_a_token_with_gelu_and_five_with_relu():
    agrees(activation_bytes, 1, [1024, 4096, 1024], "gelu", BF16, with_=oracle, gives=9 * 1024 * 2)
    agrees(activation_bytes, 1, [1024, 4096, 1024], "relu", BF16, with_=oracle, gives=5 * 1024 * 2)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.float8_e4m3fn], ids=str)
def test_numbers_of_any_size(dtype):
    agrees(activation_bytes, 6, [3, 5, 4, 2], "gelu", dtype, with_=oracle)


def test_bytes_beyond_what_a_float_can_count():
    gives = 300_000_000_000_000_003
    agrees(activation_bytes, 10**17 + 1, [3, 7], "relu", torch.float8_e4m3fn, with_=oracle, gives=gives)


def test_no_rows_keep_nothing():
    agrees(activation_bytes, 0, [3, 5, 4], "relu", FP32, with_=oracle, gives=0)


@pytest.mark.parametrize("activation", ["tanh", "ReLU", ""])
def test_another_activation_is_a_value_error(activation):
    agrees(activation_bytes, 2, [3, 4, 1], activation, FP32, with_=oracle)


def test_another_activation_is_a_value_error_without_a_hidden_layer_too():
    agrees(activation_bytes, 2, [3, 1], "tanh", FP32, with_=oracle)


@given(
    st.integers(0, 10**6), st.lists(st.integers(1, 20000), min_size=2, max_size=9), st.sampled_from(["relu", "gelu"])
)
def test_any_network(batch, widths, activation):
    agrees(activation_bytes, batch, widths, activation, BF16, with_=oracle)
