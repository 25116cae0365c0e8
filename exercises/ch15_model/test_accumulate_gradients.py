"""Micro-batches of different sizes have the gradient that the whole batch has."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.accumulate_gradients import accumulate_gradients
from grader.checks import agrees, randn, strided
from reference.ch15_model.accumulate_gradients import accumulate_gradients as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
SHAPES = {"embed": (4, 3), "gain": (3,), "scalar": ()}


def batch(n, seed, dtype=torch.float32):
    """Gradients of n micro-batches, for parameters of several shapes."""
    return [
        {name: randn(*shape, dtype=dtype, seed=seed + 10 * i + j) for j, (name, shape) in enumerate(SHAPES.items())}
        for i in range(n)
    ]


def of_w(*values):
    return [{"w": torch.tensor(value)} for value in values]


def test_one_token_and_two_by_hand():
    agrees(accumulate_gradients, of_w([1.0], [4.0]), [1, 2], with_=oracle, gives={"w": [3.0]})


@pytest.mark.card("accumulate-weighted-by-tokens")
def test_each_token_has_the_same_weight_and_a_mean_of_means_would_be_5():
    micro = of_w([9.0, 0.0], [1.0, 4.0])
    agrees(accumulate_gradients, micro, [1, 3], with_=oracle, gives={"w": [3.0, 3.0]})


def test_equal_counts_give_the_mean():
    agrees(accumulate_gradients, of_w([1.0], [5.0], [6.0]), [7, 7, 7], with_=oracle, gives={"w": [4.0]})


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_parameters_of_any_shape(dtype, seed):
    agrees(accumulate_gradients, batch(3, seed, dtype), [5, 1, 12], with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_many_micro_batches_are_summed_in_float32(dtype, seed):
    agrees(accumulate_gradients, batch(40, seed, dtype), [*range(1, 41)], with_=oracle)


def test_thousands_of_tokens_do_not_overflow_fp16(seed):
    agrees(
        accumulate_gradients,
        [{"w": 100 * g["embed"]} for g in batch(2, seed, torch.float16)],
        [4096, 1000],
        with_=oracle,
    )


def test_the_first_micro_batch_decides_the_dtype(seed):
    narrow, wide = batch(1, seed, torch.bfloat16), batch(1, seed + 50)
    agrees(accumulate_gradients, narrow + wide, [3, 4], with_=oracle)
    agrees(accumulate_gradients, wide + narrow, [3, 4], with_=oracle)


def test_no_tokens_have_no_gradient_even_if_it_is_nan():
    micro = of_w([torch.nan, torch.nan], [2.0, 8.0], [4.0, 4.0])
    agrees(accumulate_gradients, micro, [0, 3, 1], with_=oracle, gives={"w": [2.5, 7.0]})


def test_a_nan_of_a_token_stays():
    agrees(
        accumulate_gradients, of_w([torch.nan, 1.0], [2.0, 3.0]), [1, 1], with_=oracle, gives={"w": [torch.nan, 2.0]}
    )


def test_a_single_micro_batch_is_the_batch(seed):
    agrees(accumulate_gradients, batch(1, seed), [9], with_=oracle)


@pytest.mark.parametrize("counts", [[], [3], [3, 4, 5], [5, -2], [-1, -1], [0, 0]], ids=str)
def test_counts_that_make_no_batch_are_a_value_error(counts, seed):
    agrees(accumulate_gradients, batch(2, seed), counts, with_=oracle)


def test_no_micro_batches_are_a_value_error():
    agrees(accumulate_gradients, [], [], with_=oracle)


def test_strides_and_empty_parameters_make_no_difference(seed):
    micro = [{"w": strided(g["embed"]), "none": torch.zeros(0, 3)} for g in batch(3, seed)]
    agrees(accumulate_gradients, micro, [2, 9, 4], with_=oracle)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=5), st.integers(0, 99))
def test_any_counts(counts, seed):
    agrees(accumulate_gradients, batch(len(counts), seed), counts, with_=oracle)
