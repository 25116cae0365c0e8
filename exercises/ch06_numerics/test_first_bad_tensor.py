"""The first tensor that is bad, or that the dtype cannot hold, and what is wrong with it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch06_numerics.first_bad_tensor import first_bad_tensor
from grader.checks import exact, randn, strided
from reference.ch06_numerics.first_bad_tensor import first_bad_tensor as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
FP16, BF16, FP32 = DTYPES


def t(*numbers, dtype=torch.float32):
    return torch.tensor(numbers, dtype=dtype)


GOOD = ("embed", t(1.0, -2.0))


def test_three_tensors_by_hand():
    recorded = [("scores", t(300.0, 2.0)), ("square", t(90000.0, 4.0)), ("exp", t(torch.inf, 54.6))]
    exact(first_bad_tensor, recorded, FP16, with_=oracle, gives=("square", "overflow"))
    exact(first_bad_tensor, recorded, BF16, with_=oracle, gives=("exp", "inf"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_and_infinities_are_bad_in_every_dtype(dtype):
    for bad, kind in ((torch.nan, "nan"), (torch.inf, "inf"), (-torch.inf, "inf")):
        recorded = [GOOD, ("layers.0", t(1.0, bad, 2.0)), ("layers.1", t(torch.nan, torch.nan))]
        exact(first_bad_tensor, recorded, dtype, with_=oracle, gives=("layers.0", kind))


def test_a_tensor_with_several_kinds_is_named_by_the_first_of_the_four():
    exact(first_bad_tensor, [("a", t(torch.inf, torch.nan, 1e6))], FP16, with_=oracle, gives=("a", "nan"))
    exact(first_bad_tensor, [("a", t(1e6, -torch.inf))], FP16, with_=oracle, gives=("a", "inf"))
    exact(first_bad_tensor, [("a", t(1e-9, 1e6))], FP16, with_=oracle, gives=("a", "overflow"))


@pytest.mark.card("watch-the-range-before-the-nan")
def test_the_overflow_stands_before_the_infinity_and_the_nan_that_come_of_it():
    recorded = [GOOD, ("up", t(80000.0, 3.0)), ("down", t(torch.inf, 1.0)), ("norm", t(torch.nan, 0.0))]
    exact(first_bad_tensor, recorded, FP16, with_=oracle, gives=("up", "overflow"))


@pytest.mark.card("watch-the-range-before-the-nan")
@pytest.mark.parametrize("sign", [1, -1])
def test_fp16_ends_where_a_cast_rounds_to_infinity(sign):
    exact(first_bad_tensor, [("a", t(sign * 65519.0))], FP16, with_=oracle, gives=None)
    exact(first_bad_tensor, [("a", t(sign * 65520.0))], FP16, with_=oracle, gives=("a", "overflow"))
    exact(first_bad_tensor, [("a", t(sign * 65520.0))], BF16, with_=oracle, gives=None)


@pytest.mark.parametrize("sign", [1, -1])
def test_bf16_ends_a_little_before_float32(sign):
    exact(first_bad_tensor, [GOOD, ("a", t(1.0, sign * 3.4e38))], BF16, with_=oracle, gives=("a", "overflow"))
    exact(first_bad_tensor, [GOOD, ("a", t(1.0, sign * 3.4e38))], FP32, with_=oracle, gives=None)
    wide = t(1.0, sign * 1e39, dtype=torch.float64)
    exact(first_bad_tensor, [GOOD, ("a", wide)], FP32, with_=oracle, gives=("a", "overflow"))


@pytest.mark.parametrize("sign", [1, -1])
def test_underflow_means_that_nothing_of_a_tensor_is_left(sign):
    exact(first_bad_tensor, [("grad", t(sign * 1e-8, 0.0, 2e-8))], FP16, with_=oracle, gives=("grad", "underflow"))
    exact(first_bad_tensor, [("grad", t(sign * 1e-8, 1e-3))], FP16, with_=oracle, gives=None)
    exact(first_bad_tensor, [("grad", t(sign * 1e-8, 0.0))], BF16, with_=oracle, gives=None)


def test_subnormals_are_not_zero():
    exact(first_bad_tensor, [("grad", t(1e-6, -2e-7))], FP16, with_=oracle, gives=None)
    exact(first_bad_tensor, [("grad", t(2.0**-25))], FP16, with_=oracle, gives=("grad", "underflow"))
    exact(first_bad_tensor, [("grad", t(1.01 * 2.0**-25))], FP16, with_=oracle, gives=None)


def test_zeros_and_empty_tensors_are_good():
    exact(first_bad_tensor, [("mask", t(0.0, 0.0)), ("none", torch.empty(0))], FP16, with_=oracle, gives=None)
    exact(first_bad_tensor, [], FP16, with_=oracle, gives=None)


def test_whole_numbers_and_booleans_can_only_be_too_large():
    ids, seen = torch.tensor([0, 7]), torch.tensor([True, False])
    exact(first_bad_tensor, [("ids", ids), ("seen", seen), ("more", ids * 9000)], FP16, with_=oracle, gives=None)
    exact(first_bad_tensor, [("ids", ids), ("more", ids * 10000)], FP16, with_=oracle, gives=("more", "overflow"))


def test_one_bad_number_in_a_large_tensor_with_strides(seed):
    x = strided(randn(7, 30, seed=seed))
    large, lost = x.clone(), x.clone()
    large[4, 17], lost[2, 3] = -1e5, torch.nan
    recorded = [("embed", x), ("layers.0", large), ("layers.1", lost)]
    exact(first_bad_tensor, recorded, FP16, with_=oracle, gives=("layers.0", "overflow"))
    exact(first_bad_tensor, recorded, FP32, with_=oracle, gives=("layers.1", "nan"))


NUMBERS = st.sampled_from([0.0, 1.0, -7e4, 3.4e38, -1e-8, 1e-6, torch.nan, torch.inf, -torch.inf])


@settings(max_examples=30)
@given(st.lists(st.lists(NUMBERS, max_size=3), max_size=4), st.sampled_from(DTYPES))
def test_any_record(rows, dtype):
    exact(first_bad_tensor, [(f"layers.{i}", t(*row)) for i, row in enumerate(rows)], dtype, with_=oracle)
