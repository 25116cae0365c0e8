"""Where a dot product loses its digits."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch06_numerics.accumulate import accumulate
from grader.checks import exact, randn, strided
from reference.ch06_numerics.accumulate import accumulate as oracle

BF16, FP16, FP32 = torch.bfloat16, torch.float16, torch.float32


def bf16(*values):
    return torch.tensor(values).to(BF16)


@pytest.mark.card("bf16-accumulator-stalls", "fp32-accumulator")
def test_256_and_two_ones():
    a, b = bf16(256.0, 1.0, 1.0), bf16(1.0, 1.0, 1.0)
    exact(accumulate, a, b, FP32, with_=oracle, gives=[256.0, 257.0, 258.0])
    exact(accumulate, a, b, BF16, with_=oracle, gives=[256.0, 256.0, 256.0])


@pytest.mark.card("bf16-accumulator-stalls")
def test_a_bf16_total_of_ones_is_right_up_to_256_and_stays_there():
    ones = torch.ones(300).to(BF16)
    exact(accumulate, ones, ones, BF16, with_=oracle, gives=[min(i, 256) for i in range(1, 301)])


def test_a_tie_goes_to_the_even_total():
    exact(
        accumulate,
        bf16(258.0, 1.0, 1.0, -3.0),
        bf16(1.0, 1.0, 1.0, 1.0),
        BF16,
        with_=oracle,
        gives=[258.0, 260.0, 260.0, 256.0],
    )


@pytest.mark.card("fp32-accumulator")
def test_the_products_themselves_are_exact_in_float32():
    x = bf16(1.0078125, -1.0, 0.0078125)
    exact(accumulate, x, x, FP32, with_=oracle)
    exact(accumulate, x, x, BF16, with_=oracle)


@pytest.mark.card("fp32-accumulator-restores-nothing")
def test_ten_tenths_in_float32_carry_the_error_of_their_inputs():
    gives = [0.1001, 0.2002, 0.3003, 0.4004, 0.5005, 0.6006, 0.7007, 0.8008, 0.9009, 1.0010]
    exact(accumulate, torch.full((10,), 0.1).to(BF16), torch.ones(10).to(BF16), FP32, with_=oracle, gives=gives)


@pytest.mark.card("fp32-accumulator", "not-the-only-recipe")
@pytest.mark.parametrize("accumulator", [BF16, FP16, FP32], ids=["bf16 total", "fp16 total", "fp32 total"])
@pytest.mark.parametrize("dtype", [BF16, FP16], ids=["bf16 inputs", "fp16 inputs"])
def test_products_of_every_size(dtype, accumulator, seed):
    a, b = randn(200, dtype=dtype, seed=seed), randn(200, dtype=dtype, seed=seed + 1)
    exact(accumulate, a, b, accumulator, with_=oracle)
    exact(accumulate, a[:9], b[:9].to(FP16 if dtype == BF16 else BF16), accumulator, with_=oracle)


@pytest.mark.card("not-the-only-recipe")
def test_an_fp16_total_overflows_where_the_others_do_not():
    x = torch.tensor([200.0, 150.0, 80.0, 10.0]).half()
    exact(accumulate, x, x, FP16, with_=oracle, gives=[40000.0, 62496.0, torch.inf, torch.inf])
    exact(accumulate, x, x, FP32, with_=oracle, gives=[40000.0, 62500.0, 68900.0, 69000.0])


@pytest.mark.parametrize("lengths", [(3, 5), (1, 4), (2, 0)])
def test_lengths_that_differ_are_a_value_error(lengths, seed):
    a, b = randn(lengths[0], dtype=BF16, seed=seed), randn(lengths[1], dtype=BF16, seed=seed)
    exact(accumulate, a, b, FP32, with_=oracle)


def test_strides_and_no_products_make_no_difference(seed):
    exact(
        accumulate,
        strided(randn(9, dtype=BF16, seed=seed)),
        randn(9, dtype=BF16, seed=seed + 1),
        BF16,
        with_=oracle,
    )
    exact(accumulate, torch.empty(0, dtype=BF16), torch.empty(0, dtype=BF16), BF16, with_=oracle)


NUMBERS = st.floats(-1e4, 1e4, width=16).filter(bool)  # a total that starts from 0 and one from -0.0 differ in sign


@given(st.lists(NUMBERS, max_size=8), st.sampled_from([BF16, FP16, FP32]))
def test_any_numbers_give_these_bits(values, accumulator):
    x = torch.tensor(values).half()
    exact(accumulate, x, x.flip(0), accumulator, with_=oracle)
