"""RMSNorm of a row that does not fill its block, read once and rounded once."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch13_triton.rms_norm_kernel import rms_norm_kernel
from grader.checks import agrees, fast, randn, signal, strided, traffic
from grader.gpu import like
from reference.ch13_triton.rms_norm_kernel import rms_norm_kernel as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def test_one_row_by_hand():
    x, gain = torch.tensor([[3.0, 4.0]]), torch.tensor([1.0, 2.0])
    agrees(rms_norm_kernel, x, gain, 0.0, with_=oracle, gives=[[0.8485, 2.2627]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 64, 100])
def test_rows_that_leave_lanes_over(n, dtype, seed):
    agrees(rms_norm_kernel, randn(4, n, dtype=dtype, seed=seed), randn(n, dtype=dtype, seed=seed + 1), with_=oracle)


@pytest.mark.parametrize("kind", ["tiny", "offset", "zeros", "large"])
def test_rows_that_show_where_eps_and_the_mean_belong(kind, seed):
    agrees(rms_norm_kernel, signal(kind, 3, 50, seed=seed), randn(50, seed=seed + 1), with_=oracle)


def test_squares_beyond_fp16(seed):
    x = torch.tensor([[300.0, 400.0, -500.0]]).half()
    agrees(rms_norm_kernel, x, torch.ones(3).half(), with_=oracle)


def test_a_wide_row_in_bf16_is_rounded_once(seed):
    x, gain = randn(2, 500, dtype=torch.bfloat16, seed=seed), randn(500, dtype=torch.bfloat16, seed=seed + 1)
    agrees(rms_norm_kernel, x, gain, with_=oracle)
    agrees(rms_norm_kernel, x, randn(500, seed=seed + 1), with_=oracle)  # a gain in float32 is used as it is


def test_strided_and_empty(seed):
    agrees(rms_norm_kernel, strided(randn(3, 20, seed=seed)), randn(20), with_=oracle)
    agrees(rms_norm_kernel, torch.empty(0, 20), randn(20), with_=oracle)


@pytest.mark.card("fused-norm-bytes")
@pytest.mark.parametrize(("dtype", "n"), [(torch.bfloat16, 201), (torch.float32, 1201)])
def test_the_row_is_read_once(dtype, n, seed):
    rows, n = 3 + seed % 5, n + seed // 5 % 800
    traffic(rms_norm_kernel, randn(rows, n, dtype=dtype, seed=seed), randn(n, dtype=dtype), with_=oracle)


@settings(max_examples=10)
@given(st.integers(1, 4), st.integers(1, 200), st.sampled_from([1e-6, 1e-2]))
def test_any_shape(rows, n, eps):
    traffic(rms_norm_kernel, randn(rows, n), randn(n, seed=1), eps, with_=oracle)


@pytest.mark.gpu
def test_fast_beside_torch():
    fast(rms_norm_kernel, like(16384, 4096), like(4096), with_=oracle, at_least={"torch": 0.8})
