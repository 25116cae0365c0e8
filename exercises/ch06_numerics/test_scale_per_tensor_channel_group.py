"""All values that share a scale with an outlier lose digits."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch06_numerics.scale_per_tensor_channel_group import scale_per_tensor_channel_group
from grader.checks import agrees, randn, signal, strided
from reference.ch06_numerics.scale_per_tensor_channel_group import scale_per_tensor_channel_group as oracle

INT8, E4M3 = torch.int8, torch.float8_e4m3fn
BOTH = pytest.mark.parametrize("dtype", [INT8, E4M3], ids=["int8", "e4m3"])


def test_one_token_by_hand():
    gives = {"tensor": [0.0, 1.0, 0.6667, 0.25], "channel": [0.0] * 4, "group": [0.0, 1.0, 0.0026, 0.0]}
    x = torch.tensor([[127.0, 0.4, 0.6, 0.8]])
    agrees(scale_per_tensor_channel_group, x, 2, INT8, with_=oracle, gives=gives)


@pytest.mark.card("outlier-int8", "outlier-scales")
def test_in_int8_an_outlier_of_500_wipes_out_what_shares_its_scale():
    x = torch.tensor([[500.0, 1.0, -1.0, 0.5], [-400.0, 0.25, 1.0, -1.0]])
    gives = {
        "tensor": [0.0025, 1.0, 1.0, 1.0],
        "channel": [0.0025, 0.0019, 0.0, 0.0035],
        "group": [0.0, 1.0, 0.0, 0.0035],
    }
    agrees(scale_per_tensor_channel_group, x, 2, INT8, with_=oracle, gives=gives)


@pytest.mark.card("outlier-fp8")
def test_in_e4m3_the_same_outlier_costs_its_neighbours_two_percent():
    x = torch.tensor([[500.0, 1.0, -1.0, 0.5], [-400.0, 0.25, 1.0, -1.0]])
    gives = {
        "tensor": [0.0112, 0.0234, 0.0234, 0.0234],
        "channel": [0.0112, 0.0, 0.0, 0.0],
        "group": [0.0, 0.0228, 0.0, 0.0],
    }
    agrees(scale_per_tensor_channel_group, x, 2, E4M3, with_=oracle, gives=gives)


@pytest.mark.card("outlier-fp8", "outlier-scales")
def test_in_e4m3_it_takes_an_outlier_of_a_million_to_wipe_them_out():
    x = torch.tensor([[1e6, 0.4, -0.3, 0.2], [-1e6, 0.1, 0.3, -0.4]])
    gives = {
        "tensor": [0.0, 1.0, 1.0, 1.0],
        "channel": [0.0, 0.0, 0.0, 0.0],
        "group": [0.0, 1.0, 0.0337, 0.016],
    }
    agrees(scale_per_tensor_channel_group, x, 2, E4M3, with_=oracle, gives=gives)


@BOTH
@pytest.mark.parametrize("of", [torch.float16, torch.bfloat16, torch.float32])
def test_activations_with_an_outlier_channel(of, dtype, seed):
    x = randn(6, 12, seed=seed)
    x[:, 5] = -40 - 20 * x[:, 5].abs()
    agrees(scale_per_tensor_channel_group, x.to(of), 3, dtype, with_=oracle)


@BOTH
def test_tokens_of_every_size(dtype, seed):
    agrees(scale_per_tensor_channel_group, signal("uneven", 5, 8, seed=seed), 2, dtype, with_=oracle)


@pytest.mark.parametrize("of", [torch.float16, torch.float32])
def test_very_small_activations_lose_no_more_than_others(of, seed):
    agrees(scale_per_tensor_channel_group, (1e-5 * randn(4, 6, seed=seed)).to(of), 3, INT8, with_=oracle)


@BOTH
def test_where_all_is_zero_nothing_is_lost(dtype):
    x = torch.tensor([[0.0, 0.0, 0.0, 3.0], [0.0, 0.0, 1.0, -7.0]])
    agrees(scale_per_tensor_channel_group, x, 2, dtype, with_=oracle)
    agrees(scale_per_tensor_channel_group, torch.tensor([[0.0, 0.0], [3.0, 4.0]]), 2, dtype, with_=oracle)


@pytest.mark.parametrize("channels", [7, 2])
def test_channels_that_do_not_make_whole_groups_are_a_value_error(channels, seed):
    agrees(scale_per_tensor_channel_group, randn(3, channels, seed=seed), 4, INT8, with_=oracle)


def test_strides_make_no_difference(seed):
    agrees(scale_per_tensor_channel_group, strided(randn(4, 6, seed=seed)), 2, E4M3, with_=oracle)


@settings(max_examples=4)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(0, 9))
def test_any_shape(tokens, groups, group, seed):
    agrees(scale_per_tensor_channel_group, randn(tokens, groups * group, seed=seed), group, INT8, with_=oracle)
