"""A linear layer gives back three gradients."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch03_backward.linear_backward import linear_backward
from grader.checks import agrees, randn, signal, strided
from reference.ch03_backward.linear_backward import linear_backward as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def inputs(*batch, n_in, n_out, dtype=torch.float32, seed=0):
    x, dy = randn(*batch, n_in, dtype=dtype, seed=seed), randn(*batch, n_out, dtype=dtype, seed=seed + 1)
    return x, randn(n_out, n_in, dtype=dtype, seed=seed + 2), dy


@pytest.mark.card("linear-backward-shapes", "linear-backward-keeps-x")
def test_one_row_by_hand():
    x, dy = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 10.0, 100.0]])
    weight = torch.tensor([[1.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
    gives = [[[101.0, 130.0]], [[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]], [1.0, 10.0, 100.0]]
    agrees(linear_backward, x, weight, dy, with_=oracle, gives=gives)


@pytest.mark.card("batch-gradients-add-up")
def test_the_gradients_of_two_rows_add_up_in_the_weight_and_the_bias():
    x, dy = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0], [10.0]])
    gives = [[[5.0, 7.0], [50.0, 70.0]], [[31.0, 42.0]], [11.0]]
    agrees(linear_backward, x, torch.tensor([[5.0, 7.0]]), dy, with_=oracle, gives=gives)


def test_a_square_weight_by_hand():
    x, weight, dy = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 3.0], [0.0, 2.0]]), torch.tensor([[1.0, 10.0]])
    agrees(linear_backward, x, weight, dy, with_=oracle, gives=[[[1.0, 23.0]], [[1.0, 2.0], [10.0, 20.0]], [1.0, 10.0]])


@pytest.mark.card("linear-backward-shapes")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_as_many_inputs_as_outputs_hide_no_transpose(dtype, seed):
    agrees(linear_backward, *inputs(7, n_in=5, n_out=5, dtype=dtype, seed=seed), with_=oracle)


@pytest.mark.card("batch-gradients-add-up")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_batch_of_sequences_has_two_axes_to_sum(dtype, seed):
    agrees(linear_backward, *inputs(3, 4, n_in=6, n_out=5, dtype=dtype, seed=seed), with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_many_rows_are_summed_in_float32(dtype, seed):
    x, weight, dy = inputs(700, n_in=3, n_out=2, dtype=dtype, seed=seed)
    agrees(linear_backward, x.abs(), weight, dy.abs(), with_=oracle)


@pytest.mark.parametrize(
    "x_dtype, w_dtype", [(torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)], ids=["narrow x", "wide x"]
)
def test_all_gradients_have_the_dtype_of_x(x_dtype, w_dtype, seed):
    x, weight, dy = (t.abs() for t in inputs(3, n_in=4, n_out=3, seed=seed))
    agrees(linear_backward, x.to(x_dtype), weight.to(w_dtype), dy.half(), with_=oracle)


def test_a_single_row_has_no_batch_axis(seed):
    agrees(linear_backward, *inputs(n_in=4, n_out=3, seed=seed), with_=oracle)


@pytest.mark.parametrize("kind", ["tiny", "offset", "uneven"])
def test_gradients_of_every_size(kind, seed):
    x, weight, _ = inputs(6, n_in=9, n_out=4, seed=seed)
    agrees(linear_backward, x, weight, signal(kind, 6, 4, seed=seed + 3), with_=oracle)


def test_strides_and_an_empty_batch_make_no_difference(seed):
    x, weight, dy = inputs(2, 3, n_in=4, n_out=5, seed=seed)
    agrees(linear_backward, strided(x), strided(weight), strided(dy), with_=oracle)
    agrees(linear_backward, x[:0], weight, dy[:0], with_=oracle)


@given(st.lists(st.integers(1, 4), max_size=2), st.integers(1, 6), st.integers(1, 6))
def test_any_shape(batch, n_in, n_out):
    agrees(linear_backward, *inputs(*batch, n_in=n_in, n_out=n_out), with_=oracle)
