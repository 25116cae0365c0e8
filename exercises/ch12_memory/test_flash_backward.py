"""Gradients from the numbers that the forward pass kept."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch12_memory.flash_backward import flash_backward
from grader.checks import agrees, randn, strided
from reference.ch12_memory.blocked_attention import blocked_attention as forward
from reference.ch12_memory.flash_backward import flash_backward as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def given_tensors(n_q, n_k, d, e, seed, dtypes=(torch.float32,) * 3, size=1.0):
    q = (size * randn(n_q, d, seed=seed)).to(dtypes[0])
    k, v = randn(n_k, d, dtype=dtypes[1], seed=seed + 1), randn(n_k, e, dtype=dtypes[2], seed=seed + 2)
    return q, k, v, *forward(q, k, v, 64), randn(n_q, e, dtype=dtypes[0], seed=seed + 3)


@pytest.mark.parametrize("block", [1, 2])
def test_two_keys_by_hand(block):
    q, k, v = torch.tensor([[0.0]]), torch.tensor([[1.0], [-1.0]]), torch.tensor([[2.0], [0.0]])
    out, lse, grad = torch.tensor([[1.0]]), torch.tensor([2.0]).log(), torch.tensor([[1.0]])
    gives = ([[1.0]], [[0.0], [0.0]], [[0.5], [0.5]])
    agrees(flash_backward, q, k, v, out, lse, grad, block, with_=oracle, gives=gives)


@pytest.mark.card("softmax-rows-have-no-net-gradient")
def test_values_that_are_all_alike_pass_nothing_to_the_scores():
    q, k, v = torch.zeros(1, 1), torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [5.0]])
    out, lse, grad = torch.tensor([[5.0]]), torch.tensor([2.0]).log(), torch.tensor([[1.0]])
    gives = ([[0.0]], [[0.0], [0.0]], [[0.5], [0.5]])
    agrees(flash_backward, q, k, v, out, lse, grad, 1, with_=oracle, gives=gives)


@pytest.mark.card("backward-recomputes-weights")
@pytest.mark.parametrize("n_q, n_k", [(5, 7), (6, 6), (2, 8), (7, 3)])
def test_lengths_that_no_block_divides(n_q, n_k, seed):
    agrees(flash_backward, *given_tensors(n_q, n_k, 5, 4, seed), 3, with_=oracle)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_many_blocks_in_every_dtype(first, seed):
    dtypes = DTYPES[first:] + DTYPES[:first]
    agrees(flash_backward, *given_tensors(20, 24, 6, 3, seed, dtypes), 5, with_=oracle)


def test_large_scores(seed):
    agrees(flash_backward, *given_tensors(4, 6, 8, 3, seed, size=60.0), 4, with_=oracle)


def test_scores_far_below_zero(seed):
    q, k, v, _, _, grad = given_tensors(4, 5, 16, 3, seed)
    q, k = 6 + q / 4, k / 4 - 6
    agrees(flash_backward, q, k, v, *forward(q, k, v, 64), grad, 2, with_=oracle)


# 256 · 16,384 scores take 16 MiB in float32, and there are four such matrices; a block of 256 · 256 takes 1/4 MiB
@pytest.mark.card("backward-memory-is-linear")
# (keys are points of a grid, and scores -256 · distance²: each query gives its whole weight to the key it stands on)
def test_16384_keys_in_24_mib(seed):
    places = randn(16_384, seed=seed).argsort()
    x, y = (places % 256).float(), (places // 256).float()
    k = torch.stack([x, y, -(x * x + y * y), torch.ones_like(x)], -1)
    q = 512 * torch.stack([2 * x, 2 * y, torch.ones_like(x), k[:, 2]], -1)[:256].flip(0)
    v, grad = ((4 * randn(n, 2, seed=seed + 1)).round() for n in (16_384, 256))
    out, lse = v[:256].flip(0), torch.zeros(256)
    agrees(flash_backward, q, k, v, out, lse, grad, 256, with_=oracle, memory=24 << 20)


def test_strides_make_no_difference(seed):
    agrees(flash_backward, *map(strided, given_tensors(3, 5, 4, 2, seed)), 2, with_=oracle)


def test_values_of_one_number(seed):
    agrees(flash_backward, *given_tensors(3, 5, 4, 1, seed), 2, with_=oracle)


def test_no_queries_give_no_gradient(seed):
    q, k, v, out, lse, grad = given_tensors(1, 5, 4, 2, seed)
    agrees(flash_backward, q[:0], k, v, out[:0], lse[:0], grad[:0], 2, with_=oracle)


@settings(max_examples=6)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 5), st.integers(1, 3), st.integers(0, 99))
def test_any_lengths_and_blocks(n_q, n_k, d, block, seed):
    agrees(flash_backward, *given_tensors(n_q, n_k, d, 2, seed), block, with_=oracle)
