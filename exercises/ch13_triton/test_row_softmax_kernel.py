"""Softmax of a row that does not fill its block."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch13_triton.row_softmax_kernel import row_softmax_kernel
from grader.checks import agrees, fast, randn, signal, strided, traffic
from grader.gpu import like
from reference.ch13_triton.row_softmax_kernel import row_softmax_kernel as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def test_two_scores_by_hand():
    agrees(row_softmax_kernel, torch.tensor([[0.0, math.log(3)]]), with_=oracle, gives=[[0.25, 0.75]])


@pytest.mark.card("padding-is-minus-infinity")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 3, 64, 100])
def test_rows_that_leave_lanes_over(n, dtype, seed):
    agrees(row_softmax_kernel, randn(4, n, dtype=dtype, seed=seed), with_=oracle)


@pytest.mark.card("kernels-forget-the-maximum")
@pytest.mark.parametrize("kind", ["large", "huge", "peaked", "uneven"])
def test_scores_that_overflow_without_the_maximum(kind, seed):
    agrees(row_softmax_kernel, signal(kind, 5, 50, seed=seed), with_=oracle)


@pytest.mark.parametrize(("offset", "n"), [(-200.0, 64), (-200.0, 50), (-70000.0, 50)])
def test_a_row_of_very_negative_scores(offset, n, seed):
    agrees(row_softmax_kernel, offset + randn(3, n, seed=seed), with_=oracle)


def test_minus_infinity_hides_a_score_and_strides_do_not_matter(seed):
    agrees(row_softmax_kernel, torch.tensor([[-1e10, -math.inf, -math.inf]]), with_=oracle, gives=[[1, 0, 0]])
    x = randn(3, 20, seed=seed)
    x[:, 5] = -math.inf
    agrees(row_softmax_kernel, x, with_=oracle)
    agrees(row_softmax_kernel, strided(x), with_=oracle)
    agrees(row_softmax_kernel, torch.empty(0, 20), with_=oracle)


@pytest.mark.parametrize("n", [201, 1201])
def test_each_score_is_read_once(n, seed):
    x = randn(3 + seed % 5, n + seed // 5 % 800, dtype=torch.bfloat16, seed=seed)
    traffic(row_softmax_kernel, x, with_=oracle)


@settings(max_examples=10)
@given(st.integers(1, 4), st.integers(1, 200))
def test_any_shape(rows, n):
    traffic(row_softmax_kernel, 10 * randn(rows, n), with_=oracle)


@pytest.mark.gpu
def test_fast_beside_torch():
    fast(row_softmax_kernel, like(16384, 4096), with_=oracle, at_least={"torch": 0.8})
