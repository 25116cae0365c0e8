"""Sixteen codes from the smallest weight to the largest."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch11_model_cards.block_quantize import block_dequantize, block_quantize
from grader.checks import exact, randn
from reference.ch11_model_cards.block_quantize import block_dequantize as back_oracle
from reference.ch11_model_cards.block_quantize import block_quantize as oracle


def test_four_weights_by_hand():
    x = torch.tensor([-1.0, 2.0, 0.4, 14.0])
    exact(block_quantize, x, 4, with_=oracle, gives=[[[0, 3, 1, 15]], [1.0], [-1.0]])


def test_and_back():
    codes = torch.tensor([[0, 3, 1, 15]], dtype=torch.uint8)
    scale, low = torch.tensor([1.0]).half(), torch.tensor([-1.0]).half()
    exact(block_dequantize, codes, scale, low, with_=back_oracle, gives=[-1.0, 2.0, 0.0, 14.0])


@pytest.mark.card("q4-block")
def test_two_blocks_have_two_scales():
    x = torch.tensor([0.0, 15.0, 7.0, 100.0, 101.5, 101.0])
    exact(block_quantize, x, 3, with_=oracle, gives=[[[0, 15, 7], [0, 15, 10]], [1.0, 0.1], [0.0, 100.0]])


@pytest.mark.card("q4-outlier")
def test_one_outlier_leaves_its_neighbours_two_codes():
    x = torch.tensor([0.5, -0.5, 0.25, 30.0, -0.1, 0.4, 0.3, -0.2])
    gives = [[[0, 0, 0, 15, 0, 0, 0, 0]], [2.0333], [-0.5]]
    exact(block_quantize, x, 8, with_=oracle, gives=gives)
    codes = torch.tensor([[0, 0, 0, 15]], dtype=torch.uint8)
    exact(
        block_dequantize,
        codes,
        torch.tensor([2.0333]).half(),
        torch.tensor([-0.5]).half(),
        with_=back_oracle,
        gives=[-0.5, -0.5, -0.5, 29.998],
    )


def test_halves_go_up():
    x = torch.tensor([0.0, 1.0, 3.0, 5.0, 29.0, 30.0])
    exact(block_quantize, x, 6, with_=oracle, gives=[[[0, 1, 2, 3, 15, 15]], [2.0], [0.0]])


def test_weights_that_are_all_equal_are_the_minimum():
    exact(
        block_quantize,
        torch.tensor([0.3, 0.3, 1.0, 2.0]),
        2,
        with_=oracle,
        gives=[[[0, 0], [0, 15]], [0, 0.0667], [0.3, 1]],
    )


def test_weights_of_one_sign():
    exact(block_quantize, torch.tensor([-7.0, -9.0, -8.2, -7.6, 5.0, 6.0, 5.1, 5.4]), 4, with_=oracle)


def test_blocks_of_32_as_in_a_model(seed):
    exact(block_quantize, 0.02 * randn(256, seed=seed), with_=oracle)


def test_a_minimum_far_from_zero_makes_the_rounding_of_scales_matter(seed):
    exact(block_quantize, 30 + randn(96, seed=seed), 32, with_=oracle)


def test_blocks_of_three_and_of_one(seed):
    exact(block_quantize, randn(12, seed=seed), 3, with_=oracle)
    exact(block_quantize, randn(4, seed=seed), 1, with_=oracle)
    exact(block_quantize, randn(1, seed=seed), 1, with_=oracle)


@pytest.mark.parametrize("n", [31, 33])
def test_a_rest_is_a_value_error(n, seed):
    exact(block_quantize, randn(n, seed=seed), 32, with_=oracle)


def test_codes_of_any_kind_back_to_weights(seed):
    for blocks, block in [(3, 8), (3, 1), (1, 1)]:
        codes = torch.randint(0, 16, (blocks, block), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)
        scale, low = randn(blocks, seed=seed).abs().half(), randn(blocks, seed=seed + 1).half()
        exact(block_dequantize, codes, scale, low, with_=back_oracle)


@settings(max_examples=15)
@given(st.lists(st.lists(st.integers(0, 15), min_size=4, max_size=4), min_size=1, max_size=3), st.integers(-40, 40))
def test_any_codes_come_back(codes, low):
    """Weights a quarter of a step above a code, with 0 and 15 in each block."""
    rows = [[0, 15, *row] for row in codes]
    x = torch.tensor(rows, dtype=torch.float32).reshape(-1)
    exact(block_quantize, 0.5 * (x + 0.25 * (x % 15 > 0)) + low, 6, with_=oracle)
