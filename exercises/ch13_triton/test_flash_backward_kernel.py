"""Gradients of attention from what the forward pass keeps: one number a row."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch13_triton.flash_backward_kernel import flash_backward_kernel
from grader.checks import agrees, beyond_a_block, beyond_any_block, compiles, fast, randn, traffic, tuned
from grader.gpu import like
from reference.ch13_triton.flash_backward_kernel import flash_backward_kernel as oracle


def inputs(heads, n, m, d=16, dtype=torch.float32, seed=0):
    shapes = (heads, n, d), (heads, m, d), (heads, m, d), (heads, n, d)
    return [randn(*shape, dtype=dtype, seed=seed + i) for i, shape in enumerate(shapes)]


def test_two_keys_by_hand():
    """Equal scores give each weight 1/2. With the values 0 and 4 each ds is 1/2 · (v − 2), which is −1 and 1."""
    q, k, v, grad = torch.zeros(1, 1, 16), torch.zeros(1, 2, 16), torch.zeros(1, 2, 16), torch.zeros(1, 1, 16)
    q[..., 0], v[0, 1, 0], grad[..., 0] = 8.0, 4.0, 1.0
    zeros = [0.0] * 15
    dk, dv = [[[-2.0, *zeros], [2.0, *zeros]]], [[[0.5, *zeros], [0.5, *zeros]]]
    agrees(flash_backward_kernel, q, k, v, grad, with_=oracle, gives=[[[[0.0] * 16]], dk, dv])


@pytest.mark.card("backward-kernel-recomputes")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("n", "m"), [(64, 64), (65, 129), (5, 3)])
def test_lengths_that_no_block_divides(n, m, dtype, seed):
    agrees(flash_backward_kernel, *inputs(2, n, m, dtype=dtype, seed=seed), with_=oracle)


def test_scores_of_hundreds(seed):
    q, k, v, grad = inputs(1, 10, 70, seed=seed)
    agrees(flash_backward_kernel, q, 50 * k, v, grad, with_=oracle)


@pytest.mark.parametrize(("n", "m"), [(4, 3), (5, 70)])
def test_scores_far_below_zero(n, m, seed):
    q, k, v, grad = inputs(1, n, m, seed=seed)
    q, k = 6 + q / 4, k / 4 - 6
    agrees(flash_backward_kernel, q, k, v, grad, with_=oracle)


def test_one_key_with_a_score_far_below_any_finite_mask():
    q, k, v, grad = torch.zeros(1, 2, 16), torch.zeros(1, 1, 16), torch.ones(1, 1, 16), torch.ones(1, 2, 16)
    q[..., 0], k[..., 0] = 1e5, -1e5  # a score of -2.5e9
    agrees(flash_backward_kernel, q, k, v, grad, with_=oracle)


@settings(max_examples=5)
@given(st.integers(1, 80), st.integers(1, 80))
def test_any_lengths(n, m):
    traffic(flash_backward_kernel, *inputs(1, n, m), with_=oracle)


def test_each_side_is_read_once_for_each_block_of_the_other(seed):
    n = beyond_a_block(flash_backward_kernel, "BLOCK_M", seed)
    m = beyond_a_block(flash_backward_kernel, "BLOCK_N", seed // 64)
    traffic(flash_backward_kernel, *inputs(1, n, m, dtype=torch.bfloat16, seed=seed), with_=oracle)


@pytest.mark.parametrize("long", ["keys", "queries"])
def test_a_side_that_no_block_can_hold_is_read_once_too(long, seed):
    n, m = (3, beyond_any_block(seed)) if long == "keys" else (beyond_any_block(seed), 3)
    traffic(flash_backward_kernel, *inputs(1, n, m, 64, torch.bfloat16, seed), with_=oracle)


def test_every_choice_of_tune_is_right(seed):
    tuned(flash_backward_kernel, *inputs(1, 130, 70, seed=seed), with_=oracle)


def test_on_an_h100_the_tensor_cores_do_it_and_nothing_spills():
    compiles(flash_backward_kernel, *inputs(1, 128, 128, 64, torch.bfloat16), with_=oracle, wgmma=True)


@pytest.mark.gpu
def test_fast_beside_the_backward_passes_of_naive_attention_and_sdpa():
    fast(flash_backward_kernel, *[like(32, 4096, 64)] * 4, with_=oracle, at_least={"naive": 1.2, "sdpa": 0.3})
