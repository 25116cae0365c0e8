"""A sum may change with the other rows of its batch."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch09_decoding.batch_invariance import batch_invariance
from grader.checks import exact, randn, strided
from reference.ch09_decoding.batch_invariance import batch_invariance as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.card("batch-size-changes-the-order")
def test_two_rows_in_two_pieces_and_alone_in_four():
    x = torch.tensor([[2048.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]]).half()
    exact(batch_invariance, x, 4, with_=oracle, gives=([2050.0, 4.0], [False, True]))


@pytest.mark.card("fixed-split-is-batch-invariant")
@pytest.mark.parametrize("fixed", [1, 2, 4])
def test_a_fixed_number_of_pieces_keeps_every_bit(fixed):
    x = torch.tensor([[2048.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]]).half()
    exact(batch_invariance, x, 4, fixed, with_=oracle)


@pytest.mark.card("batch-size-changes-the-order", "nondeterminism-is-batch-size")
@pytest.mark.parametrize("batch", [1, 2, 5, 16, 40])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_same_requests_in_batches_of_many_sizes(dtype, batch, seed):
    exact(batch_invariance, randn(40, 48, dtype=dtype, seed=seed)[:batch], 16, with_=oracle)


@pytest.mark.card("fixed-split-is-batch-invariant")
@pytest.mark.parametrize("fixed", [1, 3, 7])
def test_with_a_fixed_split_no_batch_matters(fixed, seed):
    exact(batch_invariance, randn(6, 50, dtype=torch.bfloat16, seed=seed), 16, fixed, with_=oracle)


@pytest.mark.parametrize("n, cores", [(7, 3), (11, 4), (5, 16), (1, 8), (10, 8)])
def test_pieces_that_do_not_come_out_even(n, cores, seed):
    exact(batch_invariance, randn(2, n, dtype=torch.float16, seed=seed), cores, with_=oracle)
    exact(batch_invariance, 100 * randn(3, n, dtype=torch.float16, seed=seed), 2 * cores, with_=oracle)


def test_strides_make_no_difference(seed):
    exact(batch_invariance, strided(randn(3, 20, dtype=torch.float16, seed=seed)), 9, with_=oracle)


@given(st.integers(1, 6), st.integers(1, 24), st.integers(1, 12), st.none() | st.integers(1, 6), st.integers(0, 99))
def test_any_batch_on_any_number_of_cores(batch, n, cores, fixed, seed):
    exact(batch_invariance, randn(batch, n, dtype=torch.float16, seed=seed), cores, fixed, with_=oracle)
