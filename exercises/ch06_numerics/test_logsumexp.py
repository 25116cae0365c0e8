"""log Σ exp stays near the largest score, and so must every intermediate result."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch06_numerics.logsumexp import logsumexp
from grader.checks import KINDS, agrees, randn, signal, strided
from reference.ch06_numerics.logsumexp import logsumexp as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
INF = torch.inf


@pytest.mark.card("logsumexp-bounds")
def test_two_equal_scores_add_log_2():
    agrees(logsumexp, torch.tensor([0.0, 0.0]), with_=oracle, gives=0.6931)


@pytest.mark.card("logsumexp-shift")
def test_a_thousand_and_one_less():
    agrees(logsumexp, torch.tensor([1000.0, 999.0]), with_=oracle, gives=1000.3133)


@pytest.mark.card("logsumexp-shift")
def test_a_shift_of_the_row_shifts_the_result_alike():
    rows = torch.tensor([[1.0, 1.0], [12.0, 12.0], [100.0, 100.0], [-200.0, -200.0], [900.0, 900.0]]).half()
    gives = [1.6931, 12.6931, 100.6931, -199.3069, 900.6931]
    agrees(logsumexp, rows, with_=oracle, gives=gives)


@pytest.mark.card("logsumexp-shift")
def test_very_negative_scores_do_not_vanish():
    agrees(logsumexp, torch.tensor([-1000.0, -1001.0]), with_=oracle, gives=-999.6867)
    agrees(logsumexp, torch.tensor([[-1e5, -2e5], [-3e9, -INF]]), with_=oracle, gives=[-1e5, -3e9])


@pytest.mark.card("logsumexp-shift", "logsumexp-bounds", "softmax-bug-returns")
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_scores_of_every_size(kind, dtype, seed):
    agrees(logsumexp, signal(kind, 4, 37, dtype=dtype, seed=seed), with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_long_row_is_summed_in_float32(dtype, seed):
    agrees(logsumexp, randn(2, 600, dtype=dtype, seed=seed), with_=oracle)


@pytest.mark.card("logsumexp-of-nothing")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_row_that_is_hidden_entirely_gives_minus_infinity(dtype):
    agrees(logsumexp, torch.tensor([[-INF, -INF], [-INF, 2.0]]).to(dtype), with_=oracle, gives=[-INF, 2.0])


@pytest.mark.card("logsumexp-of-nothing")
def test_a_row_of_length_zero_gives_minus_infinity():
    agrees(logsumexp, torch.empty(3, 0), with_=oracle, gives=[-INF, -INF, -INF])
    agrees(logsumexp, torch.empty(2, 0).half(), with_=oracle, gives=[-INF, -INF])


def test_an_infinite_score_gives_infinity_beside_hidden_rows_and_ordinary_ones():
    agrees(logsumexp, torch.tensor([[INF, 2.0], [-INF, -INF], [1.0, 2.0]]), with_=oracle)


@pytest.mark.parametrize("dim", [0, 1, 2, -2])
def test_the_axis_asked_for_goes_away(dim, seed):
    agrees(logsumexp, randn(3, 4, 5, seed=seed), dim=dim, with_=oracle)


def test_an_axis_of_length_one_stays(seed):
    agrees(logsumexp, randn(2, 1, 3, seed=seed), dim=0, with_=oracle)


def test_a_missing_axis_is_an_index_error():
    agrees(logsumexp, torch.tensor([1.0, 2.0, 3.0]), dim=1, with_=oracle)


def test_strides_and_empty_batches_make_no_difference(seed):
    agrees(logsumexp, strided(randn(5, 7, seed=seed)), with_=oracle)
    agrees(logsumexp, torch.empty(0, 7), with_=oracle)


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=12))
def test_any_list_of_finite_scores_works(scores):
    agrees(logsumexp, torch.tensor(scores), with_=oracle)
