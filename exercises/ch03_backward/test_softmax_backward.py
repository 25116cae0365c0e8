"""The backward pass of softmax, with one sum per row."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch03_backward.softmax_backward import softmax_backward
from grader.checks import agrees, randn, signal, strided
from reference.ch03_backward.softmax_backward import softmax_backward as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def weights(*shape, dtype=torch.float32, seed=0):
    return torch.softmax(2 * randn(*shape, seed=seed), -1).to(dtype)


@pytest.mark.card("softmax-vjp")
def test_two_and_three_weights_by_hand():
    agrees(softmax_backward, torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0]), with_=oracle, gives=[0.25, -0.25])
    p, dp = torch.tensor([0.2, 0.3, 0.5]), torch.tensor([1.0, 2.0, 4.0])
    agrees(softmax_backward, p, dp, with_=oracle, gives=[-0.36, -0.24, 0.6])


@pytest.mark.card("softmax-saturated")
def test_a_row_that_has_chosen_passes_no_gradient_on():
    p, dp = torch.tensor([[1.0, 0.0, 0.0], [0.98, 0.01, 0.01]]), torch.tensor([[5.0, -3.0, 7.0]] * 2)
    agrees(softmax_backward, p, dp, with_=oracle, gives=[[0.0, 0.0, 0.0], [0.0588, -0.0794, 0.0206]])


def test_the_same_upstream_gradient_for_all_weights_moves_no_score():
    p = torch.tensor([[0.125, 0.875], [0.25, 0.75]])
    agrees(softmax_backward, p, torch.full((2, 2), 8.0), with_=oracle, gives=[[0.0, 0.0], [0.0, 0.0]])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["ordinary", "offset", "uneven", "huge"])
def test_upstream_gradients_of_every_size(kind, dtype, seed):
    p, dp = weights(4, 37, dtype=dtype, seed=seed), signal(kind, 4, 37, dtype=dtype, seed=seed + 1)
    agrees(softmax_backward, p, dp, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_as_many_rows_as_weights_in_several_heads(dtype, seed):
    p, dp = weights(2, 3, 6, 6, dtype=dtype, seed=seed), randn(2, 3, 6, 6, dtype=dtype, seed=seed + 1)
    agrees(softmax_backward, p, dp, with_=oracle)


@pytest.mark.parametrize(
    "p_dtype, dp_dtype", [(torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)], ids=["narrow p", "wide p"]
)
def test_the_result_has_the_dtype_of_p(p_dtype, dp_dtype, seed):
    p, dp = weights(2, 1, 9, dtype=p_dtype, seed=seed), randn(2, 1, 9, dtype=dp_dtype, seed=seed + 1)
    agrees(softmax_backward, p, dp, with_=oracle)


def test_a_row_that_was_masked_entirely_gets_zeros(seed):
    p = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    agrees(softmax_backward, p, randn(2, 3, seed=seed), with_=oracle)


@pytest.mark.card("softmax-vjp")
def test_a_row_of_400_000_weights_needs_no_table_of_its_slopes(seed):
    # a table of 640 GB: more than an allocator gives out, so building it fails at once
    agrees(softmax_backward, weights(400_000, seed=seed), randn(400_000, seed=seed + 1), with_=oracle)


def test_strides_and_an_empty_batch_make_no_difference(seed):
    p, dp = weights(3, 5, seed=seed), randn(3, 5, seed=seed + 1)
    agrees(softmax_backward, strided(p), strided(dp), with_=oracle)
    agrees(softmax_backward, p[:0], dp[:0], with_=oracle)


@given(st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=8), st.integers(0, 2**16))
def test_any_softmax_and_any_upstream_gradient(scores, seed):
    agrees(softmax_backward, torch.softmax(torch.tensor(scores), -1), randn(len(scores), seed=seed), with_=oracle)
