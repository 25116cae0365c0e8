"""Eight bits for the inputs, thirty-two for the sum."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch06_numerics.int8_matmul import int8_matmul
from grader.checks import agrees, seeded, strided
from reference.ch06_numerics.int8_matmul import int8_matmul as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def rows(n, k, dtype=torch.float32, seed=0):
    """Rows of different size that reach further below zero than above; no value, over its scale, lies near a half.

    Halfway between two integers the last bit of a scale decides, and honest ways to compute it differ there.
    """
    x = torch.randn(n, k, generator=seeded(seed))
    top = x.abs().amax(1)
    x[:, seed % k], x[:, (seed + 1) % k] = -1.1 * top, 0.7 * top
    x = (x * 1.7 ** (torch.arange(n) % 7 - 5).unsqueeze(1)).to(dtype)
    whole = 127 * x.double() / x.double().abs().amax(1, keepdim=True)
    return x.masked_fill((whole - whole.floor() - 0.5).abs() < 0.02, 0.0)


@pytest.mark.card("int8-recipe")
def test_one_token_and_one_channel_by_hand():
    x, w = torch.tensor([[1.27, 0.444]]), torch.tensor([[1.27, -0.3]])
    agrees(int8_matmul, x, w, with_=oracle, gives=[[1.4809]])


def test_rows_that_differ_in_length_are_a_value_error(seed):
    agrees(int8_matmul, rows(2, 3, seed=seed), rows(4, 5, seed=seed), with_=oracle)
    agrees(int8_matmul, rows(2, 3, seed=seed), rows(3, 2, seed=seed), with_=oracle)


@pytest.mark.card("int8-needs-int32")
def test_three_products_of_127_do_not_fit_int16():
    x = torch.tensor([[127.0, 127.0, 127.0]])
    agrees(int8_matmul, x, x.clone(), with_=oracle, gives=[[48387.0]])


@pytest.mark.card("int8-recipe", "int8-scales-outside")
@pytest.mark.parametrize("dtype", DTYPES)
def test_tokens_and_channels_of_different_size(dtype, seed):
    agrees(int8_matmul, rows(5, 24, dtype, seed), rows(7, 24, dtype, seed + 1), with_=oracle)


def test_one_scale_for_each_row_by_hand():
    x = torch.tensor([[-254.0, 50.8], [1.27, -0.127], [0.0, 0.0]])  # scales 2, 0.01 and none
    w = torch.tensor([[1.28, -2.54]])  # scale 0.02, integers 64 and −127
    gives = [[-452.12], [1.9558], [0.0]]
    agrees(int8_matmul, x, w, with_=oracle, gives=gives)


@pytest.mark.parametrize("others", [torch.bfloat16, torch.float32])
def test_the_result_has_the_dtype_of_x_whatever_w_has(others, seed):
    dtype = torch.float32 if others == torch.bfloat16 else torch.bfloat16
    agrees(int8_matmul, rows(4, 12, dtype, seed), rows(3, 12, others, seed + 1), with_=oracle)


@pytest.mark.card("int8-needs-int32")
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_long_row_is_added_exactly(dtype, seed):
    x = rows(3, 512, dtype, seed)
    agrees(int8_matmul, x, torch.cat([x[:1], rows(3, 512, dtype, seed + 1)]), with_=oracle)


def test_as_many_tokens_as_channels_as_values(seed):
    agrees(int8_matmul, rows(6, 6, seed=seed), rows(6, 6, seed=seed + 1), with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_of_zeros_gives_zeros(dtype, seed):
    x, w = rows(3, 4, dtype, seed), rows(2, 4, dtype, seed + 1)
    x[1], w[0] = 0, 0
    agrees(int8_matmul, x, w, with_=oracle)


def test_very_small_rows_are_scaled_as_any_other(seed):
    agrees(int8_matmul, 2.0**-20 * rows(3, 8, seed=seed), rows(2, 8, seed=seed + 1), with_=oracle)


def test_strides_and_no_tokens_make_no_difference(seed):
    agrees(int8_matmul, strided(rows(3, 8, seed=seed)), strided(rows(5, 8, seed=seed + 1)), with_=oracle)
    agrees(int8_matmul, torch.empty(0, 8), rows(5, 8, seed=seed), with_=oracle)


@settings(max_examples=5)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(2, 9), st.integers(0, 99))
def test_any_shape(n, m, k, seed):
    agrees(int8_matmul, rows(n, k, seed=seed), rows(m, k, seed=seed + 1), with_=oracle)
