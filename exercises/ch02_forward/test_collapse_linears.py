"""Linear layers with nothing between them are one."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch02_forward.collapse_linears import collapse_linears
from grader.checks import agrees, randn, strided
from reference.ch02_forward.collapse_linears import collapse_linears as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def stack(*widths, seed=0, dtype=torch.float32):
    """Layers of ordinary size from width to width."""
    pairs = enumerate(pairwise(widths))
    return [
        ((randn(b, a, seed=seed + 2 * i) / max(a, 1) ** 0.5).to(dtype), randn(b, seed=seed + 2 * i + 1, dtype=dtype))
        for i, (a, b) in pairs
    ]


def layer(w, b, dtype=torch.float32):
    return torch.tensor(w, dtype=dtype), torch.tensor(b, dtype=dtype)


@pytest.mark.card("linears-collapse")
def test_two_layers_of_one_number_by_hand():
    layers = [layer([[2.0]], [1.0]), layer([[4.0]], [5.0])]
    agrees(collapse_linears, layers, with_=oracle, gives=([[8.0]], [9.0]))


@pytest.mark.card("collapse-order")
def test_three_square_layers_by_hand():
    swap, double, lift = [[0.0, 1.0], [1.0, 0.0]], [[2.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [3.0, 1.0]]
    layers = [layer(double, [1.0, 0.0]), layer(swap, [0.0, 10.0]), layer(lift, [100.0, 0.0])]
    agrees(collapse_linears, layers, with_=oracle, gives=([[0.0, 1.0], [2.0, 3.0]], [100.0, 11.0]))


@pytest.mark.card("linears-collapse", "collapse-order")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_layers_of_different_widths_in_every_dtype(dtype, seed):
    agrees(collapse_linears, stack(7, 5, 3, 4, seed=seed, dtype=dtype), with_=oracle)


@pytest.mark.card("linears-collapse")
def test_a_hundred_layers_are_one(seed):
    agrees(collapse_linears, stack(*[4] * 101, seed=seed), with_=oracle)


@pytest.mark.card("collapse-and-rank")
def test_a_middle_of_one_number_leaves_rows_that_are_multiples_of_each_other():
    layers = [layer([[1.0, 2.0, 3.0]], [0.0]), layer([[1.0], [-2.0], [4.0]], [0.0, 0.0, 0.0])]
    gives = ([[1.0, 2.0, 3.0], [-2.0, -4.0, -6.0], [4.0, 8.0, 12.0]], [0.0, 0.0, 0.0])
    agrees(collapse_linears, layers, with_=oracle, gives=gives)


@pytest.mark.card("collapse-and-rank")
def test_a_narrow_middle_makes_a_wide_weight(seed):
    agrees(collapse_linears, stack(24, 2, 24, seed=seed), with_=oracle)


def test_one_layer_is_itself(seed):
    agrees(collapse_linears, stack(3, 4, seed=seed, dtype=torch.float16), with_=oracle)


def test_large_biases_do_not_blur_small_weights(seed):
    layers = [(1e-2 * w, 1e3 + b) for w, b in stack(5, 5, 5, seed=seed)]
    agrees(collapse_linears, layers, with_=oracle)


def test_products_beyond_fp16_come_back_into_range():
    layers = [layer([[300.0]], [300.0], torch.float16), layer([[300.0]], [0.0], torch.float16)]
    agrees(collapse_linears, [*layers, layer([[0.001]], [1.0], torch.float16)], with_=oracle)


def test_no_layers_are_a_value_error():
    agrees(collapse_linears, [], with_=oracle)


def test_strides_make_no_difference(seed):
    agrees(collapse_linears, [(strided(w), strided(b)) for w, b in stack(3, 4, 2, seed=seed)], with_=oracle)


@settings(max_examples=15)
@given(st.lists(st.integers(1, 5), min_size=2, max_size=5), st.integers(0, 99))
def test_any_stack(widths, seed):
    agrees(collapse_linears, stack(*widths, seed=seed), with_=oracle)
