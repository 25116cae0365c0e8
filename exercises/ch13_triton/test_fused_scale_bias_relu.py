"""One kernel does the work of three operations and reads its input once."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch13_triton.fused_scale_bias_relu import fused_scale_bias_relu
from grader.checks import agrees, beyond_a_block, fast, randn, strided, traffic, tuned
from grader.gpu import like
from reference.ch13_triton.fused_scale_bias_relu import fused_scale_bias_relu as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def test_two_rows_by_hand():
    agrees(
        fused_scale_bias_relu,
        torch.tensor([[1.0, -2.0], [3.0, 4.0]]),
        torch.tensor([2.0, 2.0]),
        torch.tensor([1.0, 1.0]),
        with_=oracle,
        gives=[[3, 0], [7, 9]],
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rows", "n"), [(3, 128), (2, 129), (5, 200)])
def test_rows_that_no_block_divides(rows, n, dtype, seed):
    x, scale, bias = randn(rows, n, dtype=dtype, seed=seed), randn(n, dtype=dtype, seed=seed + 1), randn(n, dtype=dtype)
    agrees(fused_scale_bias_relu, x, scale, bias, with_=oracle)


def test_a_product_beyond_fp16_that_the_bias_brings_back():
    x, scale = torch.full((2, 8), 300.0).half(), torch.full((8,), 300.0).half()
    agrees(fused_scale_bias_relu, x, scale, torch.full((8,), -60000.0).half(), with_=oracle)


def test_strided_and_empty_matrices(seed):
    x, scale, bias = strided(randn(3, 70, seed=seed)), randn(70, seed=seed + 1), randn(70, seed=seed + 2)
    agrees(fused_scale_bias_relu, x, scale, bias, with_=oracle)
    agrees(fused_scale_bias_relu, torch.empty(0, 70), scale, bias, with_=oracle)


@pytest.mark.card("fusion-saves-bytes")
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_byte_is_moved_once(dtype, seed):
    rows, n = 3 + seed % 5, 200 + beyond_a_block(fused_scale_bias_relu, "BLOCK", seed // 5)
    x, scale, bias = randn(rows, n, dtype=dtype, seed=seed), randn(n, dtype=dtype), randn(n, dtype=dtype)
    traffic(fused_scale_bias_relu, x, scale, bias, with_=oracle)


def test_every_choice_of_tune_is_right(seed):
    tuned(fused_scale_bias_relu, randn(2, 1100, seed=seed), randn(1100), randn(1100, seed=seed), with_=oracle)


@settings(max_examples=10)
@given(st.integers(1, 4), st.integers(1, 300))
def test_any_shape(rows, n):
    traffic(fused_scale_bias_relu, randn(rows, n), randn(n, seed=1), randn(n, seed=2), with_=oracle)


@pytest.mark.gpu
def test_faster_than_three_operations():
    """With a million columns, one program for each block of columns is enough for any GPU."""
    wide = 1 << 20
    fast(fused_scale_bias_relu, like(64, wide), like(wide), like(wide), with_=oracle, at_least={"torch": 1.5})
