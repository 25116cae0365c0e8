"""Only the direction is left."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch10_retrieval.l2_normalize import l2_normalize
from grader.checks import agrees, randn, signal, strided
from reference.ch10_retrieval.l2_normalize import l2_normalize as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.card("normalise-rows")
def test_three_four_and_a_row_of_zeros():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0], [-5.0, 12.0]])
    agrees(l2_normalize, x, with_=oracle, gives=[[0.6, 0.8], [0.0, 0.0], [-0.3846, 0.9231]])


@pytest.mark.card("normalise-rows")
def test_a_vector_and_ten_times_that_vector_become_the_same():
    x = torch.tensor([[1.0, 2.0, -2.0], [10.0, 20.0, -20.0]])
    agrees(l2_normalize, x, with_=oracle, gives=[[0.3333, 0.6667, -0.6667]] * 2)


@pytest.mark.card("normalise-in-fp32")
def test_in_fp16_300_and_400_have_length_500():
    agrees(l2_normalize, torch.tensor([300.0, -400.0]).half(), with_=oracle, gives=[0.6, -0.8])


@pytest.mark.parametrize("size", [1e-15, 1e-30])
def test_short_vectors_become_as_long_as_others(size):
    x = torch.tensor([[3.0, 4.0], [-5.0, 12.0]]) * size
    agrees(l2_normalize, x, with_=oracle, gives=[[0.6, 0.8], [-0.3846, 0.9231]])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_long_vectors_of_every_dtype(dtype, seed):
    agrees(l2_normalize, randn(3, 400, dtype=dtype, seed=seed), with_=oracle)


@pytest.mark.card("normalise-in-fp32")
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize("kind", ["large", "tiny", "huge", "zeros", "uneven"])
def test_vectors_of_every_size(kind, dtype, seed):
    agrees(l2_normalize, signal(kind, 4, 9, dtype=dtype, seed=seed), with_=oracle)


def test_the_last_axis_holds_the_vectors_whatever_stands_before_it(seed):
    agrees(l2_normalize, randn(2, 3, 5, seed=seed), with_=oracle)
    agrees(l2_normalize, randn(7, seed=seed), with_=oracle)


def test_strides_and_empty_batches_make_no_difference(seed):
    agrees(l2_normalize, strided(randn(4, 6, seed=seed)), with_=oracle)
    agrees(l2_normalize, torch.empty(0, 6), with_=oracle)


@settings(max_examples=12)
@given(st.lists(st.integers(-999, 999), min_size=1, max_size=6))
def test_any_numbers_of_one_decimal(tenths):
    agrees(l2_normalize, torch.tensor(tenths, dtype=torch.float32) / 10, with_=oracle)
