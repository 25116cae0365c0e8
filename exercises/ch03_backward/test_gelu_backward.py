"""The slope of GELU, times the upstream gradient."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch03_backward.gelu_backward import gelu_backward
from grader.checks import agrees, randn, signal, strided
from reference.ch03_backward.gelu_backward import gelu_backward as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def ones(*x, dtype=torch.float32):
    return torch.tensor(x, dtype=dtype), torch.ones(len(x), dtype=dtype)


@pytest.mark.card("gelu-slope")
def test_three_slopes_by_hand():
    x, dy = torch.tensor([0.0, 1.0, -1.0]), torch.tensor([1.0, 1.0, 10.0])
    agrees(gelu_backward, x, dy, with_=oracle, gives=[0.5, 1.0833, -0.8332])


@pytest.mark.card("gelu-slope")
def test_the_slope_is_steepest_and_lowest_at_the_root_of_two():
    agrees(gelu_backward, *ones(2**0.5, -(2**0.5)), with_=oracle, gives=[1.1289, -0.1289])


@pytest.mark.card("gelu-slope-far-left")
def test_between_0_and_minus_3_gelu_passes_something_on():
    agrees(gelu_backward, *ones(-0.5, -1.0, -2.0, -3.0), with_=oracle, gives=[0.1325, -0.0833, -0.0852, -0.0119])


@pytest.mark.card("gelu-slope-far-left")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_from_minus_6_on_next_to_nothing_is_left(dtype):
    agrees(gelu_backward, *ones(-6.0, -8.0, -20.0, -300.0, dtype=dtype), with_=oracle, gives=[0.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["ordinary", "large", "tiny", "huge"])
def test_inputs_of_every_size(kind, dtype, seed):
    x, dy = signal(kind, 6, 11, dtype=dtype, seed=seed), randn(6, 11, dtype=dtype, seed=seed + 1)
    agrees(gelu_backward, x, dy, with_=oracle)


@pytest.mark.card("gelu-two-forms")
def test_the_exact_slope_is_told_from_its_approximations():
    x = torch.linspace(-4, 4, 41)
    agrees(gelu_backward, x, torch.ones(41), with_=oracle)


@pytest.mark.parametrize("kind", ["tiny", "large", "uneven"])
def test_upstream_gradients_of_every_size(kind, seed):
    agrees(gelu_backward, randn(6, 11, seed=seed), signal(kind, 6, 11, seed=seed + 1), with_=oracle)


@pytest.mark.parametrize(
    "x_dtype, dy_dtype", [(torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)], ids=["narrow x", "wide x"]
)
def test_the_result_has_the_dtype_of_x(x_dtype, dy_dtype, seed):
    x, dy = randn(2, 1, 9, dtype=x_dtype, seed=seed), randn(2, 1, 9, dtype=dy_dtype, seed=seed + 1)
    agrees(gelu_backward, x, dy, with_=oracle)


def test_strides_and_an_empty_batch_make_no_difference(seed):
    x, dy = randn(3, 4, seed=seed), randn(3, 4, seed=seed + 1)
    agrees(gelu_backward, strided(x), strided(dy), with_=oracle)
    agrees(gelu_backward, x[:0], dy[:0], with_=oracle)


@given(st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=8), st.floats(-100, 100, width=32))
def test_any_input_and_any_upstream_gradient(x, dy):
    agrees(gelu_backward, torch.tensor(x), torch.full((len(x),), dy), with_=oracle)
