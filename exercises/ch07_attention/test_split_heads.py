"""The right shape, with the right contents."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch07_attention.split_heads import merge_heads, split_heads
from grader.checks import exact, randn, strided
from reference.ch07_attention.split_heads import merge_heads as merge_oracle
from reference.ch07_attention.split_heads import split_heads as split_oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.int64]


def counted(*shape):
    """0, 1, 2, … so that every number says where it came from."""
    return torch.arange(torch.Size(shape).numel()).reshape(shape)


@pytest.mark.card("split-then-transpose")
def test_three_tokens_of_width_4_become_two_heads_of_width_2():
    x = torch.tensor([[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]])
    heads = [[[[1, 2], [5, 6], [9, 10]], [[3, 4], [7, 8], [11, 12]]]]
    exact(split_heads, x, 2, with_=split_oracle, gives=heads)


@pytest.mark.card("split-then-transpose")
def test_two_heads_of_width_2_become_three_tokens_of_width_4():
    x = torch.tensor([[[[1, 2], [5, 6], [9, 10]], [[3, 4], [7, 8], [11, 12]]]])
    exact(merge_heads, x, with_=merge_oracle, gives=[[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]])


@pytest.mark.card("head-width")
def test_three_heads_share_a_width_of_12_in_fours():
    exact(split_heads, counted(2, 5, 12), 3, with_=split_oracle)


def test_three_heads_of_width_4_make_a_width_of_12():
    exact(merge_heads, counted(2, 3, 5, 4), with_=merge_oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_values_and_dtype_stay(dtype, seed):
    exact(split_heads, randn(2, 3, 8, dtype=dtype, seed=seed), 4, with_=split_oracle)
    exact(merge_heads, randn(2, 4, 3, 2, dtype=dtype, seed=seed), with_=merge_oracle)


@pytest.mark.card("head-width")
@pytest.mark.parametrize("h", [3, 5, 16])
def test_heads_that_do_not_divide_the_width_are_a_value_error(h):
    exact(split_heads, counted(1, 2, 8), h, with_=split_oracle)


def test_one_head_and_heads_of_width_1():
    exact(split_heads, counted(2, 3, 4), 1, with_=split_oracle)
    exact(split_heads, counted(2, 3, 4), 4, with_=split_oracle)
    exact(merge_heads, counted(2, 1, 3, 4), with_=merge_oracle)
    exact(merge_heads, counted(2, 4, 3, 1), with_=merge_oracle)


def test_strides_and_no_tokens_make_no_difference(seed):
    exact(split_heads, strided(randn(2, 3, 8, seed=seed)), 2, with_=split_oracle)
    exact(split_heads, torch.empty(2, 0, 8), 2, with_=split_oracle)
    exact(merge_heads, strided(randn(2, 4, 3, 5, seed=seed)), with_=merge_oracle)
    exact(merge_heads, torch.empty(2, 4, 0, 2), with_=merge_oracle)


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5), st.integers(1, 4))
def test_any_shape_there_and_back(b, h, n, d):
    exact(split_heads, counted(b, n, h * d), h, with_=split_oracle)
    exact(merge_heads, counted(b, h, n, d), with_=merge_oracle)
