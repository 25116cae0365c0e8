"""Neighboring query heads read the same keys."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch07_attention.repeat_kv import repeat_kv
from grader.checks import exact, randn, strided
from reference.ch07_attention.repeat_kv import repeat_kv as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.card("gqa-neighbours-share")
def test_two_key_heads_serve_four_query_heads_by_hand():
    x = torch.tensor([[[[10.0]], [[20.0]]]])
    exact(repeat_kv, x, 4, with_=oracle, gives=[[[[10.0]], [[10.0]], [[20.0]], [[20.0]]]])


@pytest.mark.card("gqa-neighbours-share")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_thirty_two_query_heads_share_eight_in_every_dtype(dtype, seed):
    exact(repeat_kv, randn(2, 8, 3, 2, dtype=dtype, seed=seed), 32, with_=oracle)


def test_one_key_head_serves_them_all(seed):
    exact(repeat_kv, randn(2, 1, 3, 4, seed=seed), 5, with_=oracle)


def test_as_many_key_heads_as_query_heads_stay_as_they_are(seed):
    exact(repeat_kv, randn(2, 4, 3, 5, seed=seed), 4, with_=oracle)


@pytest.mark.parametrize("heads, kv", [(6, 4), (7, 2), (2, 4), (3, 4), (0, 2), (-2, 2)])
def test_heads_that_form_no_equal_groups_are_a_value_error(heads, kv, seed):
    exact(repeat_kv, randn(1, kv, 3, 2, seed=seed), heads, with_=oracle)


def test_strides_no_tokens_and_no_batch_make_no_difference(seed):
    exact(repeat_kv, strided(randn(2, 3, 4, 5, seed=seed)), 6, with_=oracle)
    exact(repeat_kv, torch.empty(2, 3, 0, 5), 6, with_=oracle)
    exact(repeat_kv, torch.empty(0, 3, 4, 5), 6, with_=oracle)


@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
def test_any_number_of_groups_of_any_size(b, kv, group, n, d):
    exact(repeat_kv, randn(b, kv, n, d), kv * group, with_=oracle)
