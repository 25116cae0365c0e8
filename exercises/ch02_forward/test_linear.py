"""The weight has a row for every output, and the bias a number."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch02_forward.linear import linear
from grader.checks import agrees, randn, signal, strided
from reference.ch02_forward.linear import linear as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.card("weight-is-out-in")
def test_two_inputs_and_three_outputs_by_hand():
    w, b = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), torch.tensor([10.0, 20.0, 30.0])
    agrees(linear, torch.tensor([1.0, 2.0]), w, b, with_=oracle, gives=[11.0, 22.0, 33.0])


@pytest.mark.card("weight-is-out-in")
def test_512_inputs_become_six_outputs(seed):
    agrees(linear, randn(2, 512, seed=seed), randn(6, 512, seed=seed + 1), randn(6, seed=seed + 2), with_=oracle)


@pytest.mark.card("bias-per-output")
def test_as_many_rows_as_outputs_all_get_the_same_bias():
    x, w, b = torch.eye(2), torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([10.0, 20.0])
    agrees(linear, x, w, b, with_=oracle, gives=[[11.0, 23.0], [12.0, 24.0]])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_batch_in_every_dtype(dtype, seed):
    w, b = randn(5, 64, dtype=dtype, seed=seed + 1), randn(5, dtype=dtype, seed=seed + 2)
    agrees(linear, randn(3, 64, dtype=dtype, seed=seed), w, b, with_=oracle)


def test_of_three_dtypes_that_of_the_input_is_kept(seed):
    x, w, b = randn(3, 4, seed=seed), randn(2, 4, seed=seed + 1), randn(2, seed=seed + 2)
    agrees(linear, x.bfloat16(), w, b.half(), with_=oracle)
    agrees(linear, x, w.bfloat16(), b.half(), with_=oracle)


def test_a_bias_whose_numbers_cancel_is_added():
    x, w, b = torch.tensor([2.0]), torch.tensor([[1.0], [3.0]]), torch.tensor([1.0, -1.0])
    agrees(linear, x, w, b, with_=oracle, gives=[3.0, 5.0])


def test_without_a_bias_nothing_is_added(seed):
    agrees(linear, randn(3, 4, seed=seed), randn(2, 4, seed=seed + 1), with_=oracle)


def test_a_bias_that_cancels_the_products_leaves_what_rounding_would_have_lost():
    x, b = torch.tensor([[256.0, 1.0]]).bfloat16(), torch.tensor([-256.0]).bfloat16()
    agrees(linear, x, torch.ones(1, 2).bfloat16(), b, with_=oracle, gives=[[1.0]])


def test_products_beyond_fp16_come_back_into_range():
    x, b = torch.tensor([[300.0, -200.0]]).half(), torch.tensor([-3e4]).half()
    agrees(linear, x, torch.tensor([[300.0, 200.0]]).half(), b, with_=oracle)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4), (3, 1, 2, 4), (0, 4)], ids=str)
def test_whatever_stands_before_the_last_axis_is_batch(shape, seed):
    agrees(linear, randn(*shape, seed=seed), randn(3, 4, seed=seed + 1), randn(3, seed=seed + 2), with_=oracle)


@pytest.mark.parametrize("kind", ["large", "uneven"])
def test_inputs_of_every_size(kind, seed):
    w, b = randn(6, 8, seed=seed + 1), randn(6, seed=seed + 2)
    agrees(linear, signal(kind, 5, 8, seed=seed), w, b, with_=oracle)


def test_inputs_that_do_not_fit_the_weight_are_a_value_error(seed):
    agrees(linear, randn(2, 5, seed=seed), randn(3, 4, seed=seed), randn(3, seed=seed), with_=oracle)
    agrees(linear, randn(2, 1, seed=seed), randn(3, 4, seed=seed), randn(3, seed=seed), with_=oracle)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_bias_that_does_not_fit_the_outputs_is_a_value_error(n, seed):
    agrees(linear, randn(2, 4, seed=seed), randn(3, 4, seed=seed), randn(n, seed=seed), with_=oracle)
    agrees(linear, randn(2, 4, seed=seed), randn(3, 4, seed=seed), torch.zeros(n), with_=oracle)


def test_strides_make_no_difference(seed):
    x, w, b = (strided(randn(*s, seed=seed + i)) for i, s in enumerate([(4, 3), (2, 3), (2,)]))
    agrees(linear, x, w, b, with_=oracle)


@given(st.integers(0, 4), st.integers(1, 5), st.integers(1, 5), st.booleans(), st.integers(0, 99))
def test_any_sizes(rows, d_in, d_out, bias, seed):
    b = randn(d_out, seed=seed + 2) if bias else None
    agrees(linear, randn(rows, d_in, seed=seed), randn(d_out, d_in, seed=seed + 1), b, with_=oracle)
