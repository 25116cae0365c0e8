"""A kernel stays inside its tensors."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch13_triton.vector_add import vector_add
from grader.checks import agrees, fast, randn, strided, tuned
from grader.gpu import like
from reference.ch13_triton.vector_add import vector_add as oracle


@pytest.mark.card("kernel-tail-mask")
def test_three_elements_by_hand():
    agrees(
        vector_add,
        torch.tensor([1.0, 2.0, 3.0]),
        torch.tensor([10.0, 20.0, 30.0]),
        with_=oracle,
        gives=[11, 22, 33],
    )


@pytest.mark.card("kernel-tail-mask")
@pytest.mark.parametrize("n", [1, 127, 128, 129, 1000])
def test_lengths_that_no_block_divides(n, seed):
    agrees(vector_add, randn(n, seed=seed), randn(n, seed=seed + 1), with_=oracle)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.int32])
def test_every_dtype_is_added_as_it_is(dtype, seed):
    x, y = 1000 * randn(300, seed=seed), randn(300, seed=seed + 1)
    agrees(vector_add, x.to(dtype), y.to(dtype), with_=oracle)


def test_nothing_and_strided_vectors(seed):
    agrees(vector_add, torch.empty(0), torch.empty(0), with_=oracle)
    agrees(vector_add, strided(randn(70, seed=seed)), strided(randn(70, seed=seed + 1)), with_=oracle)


def test_more_elements_than_16_bits_can_count(seed):
    n = 2**15 + 1 + seed % 64
    agrees(vector_add, randn(n, seed=seed), randn(n, seed=seed + 1), with_=oracle)


def test_every_choice_of_tune_is_right(seed):
    tuned(vector_add, randn(5000, seed=seed), randn(5000, seed=seed + 1), with_=oracle)


@settings(max_examples=10)
@given(st.integers(1, 600))
def test_any_length(n):
    agrees(vector_add, randn(n), randn(n, seed=1), with_=oracle)


@pytest.mark.gpu
def test_fast_beside_torch():
    fast(vector_add, like(1 << 26), like(1 << 26), with_=oracle, at_least={"torch": 0.8})
