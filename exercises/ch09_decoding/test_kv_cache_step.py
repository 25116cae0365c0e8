"""A step with a cache is a piece of the full pass."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch09_decoding.kv_cache_step import kv_cache_step
from grader.checks import agrees, randn, strided
from reference.ch09_decoding.kv_cache_step import kv_cache_step as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def step(b, m, n, d, w, dtype=torch.float32, seed=0, most=12):
    """m new tokens after n in the cache."""
    shapes = [(b, m, d), (b, n, w), (b, n, w), (w, d), (w, d), (w, d), (most, d)]
    return [randn(*shape, dtype=dtype, seed=seed + i) for i, shape in enumerate(shapes)]


def after_a_prompt(prompt, seed, m=1):
    """m new tokens after a prompt, whose keys and values are those that the full pass has."""
    x, keys, values, *rest = step(2, prompt + m, 0, 6, 6, seed=seed)
    _, keys, values = oracle(x[:, :prompt], keys, values, *rest)
    return x[:, prompt:], keys, values, *rest


@pytest.mark.card("kv-cache-step")
def test_a_query_of_zero_averages_cache_and_itself():
    one, x = torch.ones(1, 1), torch.tensor([[[-2.0]]])
    keys, values = torch.tensor([[[1.0], [0.0]]]), torch.tensor([[[4.0], [2.0]]])
    positions = torch.tensor([[0.0], [1.0], [2.0]])
    gives = ([[[2.0]]], [[[1.0], [0.0], [0.0]]], [[[4.0], [2.0], [0.0]]])
    agrees(kv_cache_step, x, keys, values, one, one, one, positions, with_=oracle, gives=gives)


@pytest.mark.card("kv-cache-step")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_one_new_token_in_each_dtype(dtype, seed):
    agrees(kv_cache_step, *step(1, 1, 3, 16, 4, dtype, seed, most=4), with_=oracle)


@pytest.mark.card("prefill-and-decode-are-one-function")
@pytest.mark.parametrize("prompt", [1, 5])
def test_a_token_after_a_prompt(prompt, seed):
    agrees(kv_cache_step, *after_a_prompt(prompt, seed), with_=oracle)


@pytest.mark.card("prefill-and-decode-are-one-function")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_prompt_is_a_step_with_an_empty_cache(dtype, seed):
    agrees(kv_cache_step, *step(2, 5, 0, 8, 8, dtype, seed), with_=oracle)


def test_several_new_tokens_see_the_cache_and_not_each_others_future(seed):
    agrees(kv_cache_step, *step(1, 3, 4, 8, 8, seed=seed), with_=oracle)
    agrees(kv_cache_step, *after_a_prompt(4, seed, m=3), with_=oracle)


def test_scores_of_minus_ten_billion_still_hide_the_future():
    one, x = torch.ones(1, 1), torch.tensor([[[1e5], [1.0]]])
    keys, values = torch.tensor([[[-2e5]]]), torch.tensor([[[3e5]]])
    gives = ([[[1e5], [1.0]]], [[[-2e5], [-1e5], [-1.0]]], [[[3e5], [1e5], [1.0]]])
    agrees(kv_cache_step, x, keys, values, one, -one, one, torch.zeros(3, 1), with_=oracle, gives=gives)


def test_a_head_of_another_width_than_the_token(seed):
    agrees(kv_cache_step, *step(2, 2, 3, 4, 9, seed=seed), with_=oracle)


def test_the_last_place_is_the_last_row_of_positions(seed):
    agrees(kv_cache_step, *step(1, 2, 3, 4, 4, seed=seed, most=5), with_=oracle)
    agrees(kv_cache_step, *step(1, 1, 0, 4, 4, seed=seed, most=1), with_=oracle)


@pytest.mark.parametrize("m", [1, 2])
def test_a_place_beyond_it_is_a_value_error(m, seed):
    agrees(kv_cache_step, *step(1, m, 5, 4, 4, seed=seed, most=5), with_=oracle)


def test_strides_make_no_difference(seed):
    agrees(kv_cache_step, *map(strided, step(2, 2, 3, 4, 5, seed=seed)), with_=oracle)


@settings(max_examples=15)
@given(
    st.integers(1, 2), st.integers(1, 4), st.integers(0, 6), st.integers(1, 5), st.integers(1, 5), st.integers(0, 99)
)
def test_any_step(b, m, n, d, w, seed):
    agrees(kv_cache_step, *step(b, m, n, d, w, seed=seed), with_=oracle)
