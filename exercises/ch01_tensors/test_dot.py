"""One number from two vectors."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch01_tensors.dot import dot
from grader.checks import agrees, randn, signal, strided
from reference.ch01_tensors.dot import dot as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.card("dot-1-2-3")
def test_four_and_ten_and_eighteen():
    agrees(dot, torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 5.0, 6.0]), with_=oracle, gives=32.0)


@pytest.mark.card("dot-1-2-3")
def test_vectors_at_right_angles_give_zero():
    agrees(dot, torch.tensor([2.0, 1.0, -1.0]), torch.tensor([1.0, -4.0, -2.0]), with_=oracle, gives=0.0)


@pytest.mark.card("dot-accumulator")
def test_in_fp16_products_beyond_its_range_may_cancel():
    u, v = torch.tensor([300.0, 300.0, 1.0]).half(), torch.tensor([300.0, -300.0, 2.0]).half()
    agrees(dot, u, v, with_=oracle, gives=2.0)


@pytest.mark.card("dot-accumulator")
@pytest.mark.parametrize("dtype, n", [(torch.float16, 2500), (torch.bfloat16, 400)], ids=["fp16", "bf16"])
def test_so_many_ones_are_so_many(dtype, n):
    ones = torch.ones(n).to(dtype)
    agrees(dot, ones, ones.clone(), with_=oracle, gives=float(n))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_long_sum_is_kept_in_float32(dtype, seed):
    agrees(dot, randn(512, dtype=dtype, seed=seed), randn(512, dtype=dtype, seed=seed + 1), with_=oracle)


def test_of_two_dtypes_the_first_is_that_of_the_result(seed):
    u, v = randn(24, seed=seed), randn(24, seed=seed + 1)
    agrees(dot, u.bfloat16(), v, with_=oracle)
    agrees(dot, u, v.bfloat16(), with_=oracle)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize("kind", ["large", "tiny", "offset", "zeros"])
def test_values_of_every_size(kind, dtype, seed):
    u, v = signal(kind, 37, dtype=dtype, seed=seed), signal(kind, 37, dtype=dtype, seed=seed + 1)
    agrees(dot, u, v, with_=oracle)


@pytest.mark.card("dot-one-length")
@pytest.mark.parametrize("n, m", [(3, 2), (2, 3), (3, 1), (1, 3), (0, 1)])
def test_lengths_that_differ_are_a_value_error(n, m, seed):
    agrees(dot, randn(n, seed=seed), randn(m, seed=seed + 1), with_=oracle)


def test_no_numbers_give_zero_and_one_pair_its_product():
    agrees(dot, torch.empty(0), torch.empty(0), with_=oracle, gives=0.0)
    agrees(dot, torch.tensor([-2.0]), torch.tensor([3.0]), with_=oracle, gives=-6.0)


def test_strides_make_no_difference(seed):
    agrees(dot, strided(randn(9, seed=seed)), strided(randn(9, seed=seed + 1)), with_=oracle)


@settings(max_examples=12)
@given(st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), min_size=1, max_size=8))
def test_any_pairs_of_whole_numbers(pairs):
    u, v = torch.tensor(pairs, dtype=torch.float32).T
    agrees(dot, u.contiguous(), v.contiguous(), with_=oracle)
