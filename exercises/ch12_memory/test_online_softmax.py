"""A maximum and a sum that are right after every block."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch12_memory.online_softmax import online_softmax
from grader.checks import agrees, randn, signal, strided
from reference.ch12_memory.online_softmax import online_softmax as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
INF = torch.inf


def pieces(x, *widths):
    return list(x.split(list(widths), 1))


@pytest.mark.card("online-softmax-rescales")
def test_three_blocks_by_hand():
    blocks = [torch.tensor([[1.0, 3.0]]), torch.tensor([[2.0]]), torch.tensor([[5.0]])]
    agrees(online_softmax, blocks, with_=oracle, gives=([[3.0, 3.0, 5.0]], [[1.1353, 1.5032, 1.2034]]))


@pytest.mark.card("online-softmax-rescales")
def test_a_larger_score_shrinks_what_was_summed_before():
    blocks = [torch.zeros(1, 4), torch.tensor([[10.0]])]
    agrees(online_softmax, blocks, with_=oracle, gives=([[0.0, 10.0]], [[4.0, 1.0002]]))


def test_rows_of_negative_scores():
    blocks = [torch.tensor([[-3.0], [-300.0]]), torch.tensor([[-2.0], [-301.0]])]
    agrees(
        online_softmax, blocks, with_=oracle, gives=([[-3.0, -2.0], [-300.0, -300.0]], [[1.0, 1.3679], [1.0, 1.3679]])
    )


@pytest.mark.parametrize("kind", ["ordinary", "large", "huge", "uneven", "offset"])
def test_scores_of_every_size(kind, seed):
    agrees(online_softmax, pieces(signal(kind, 3, 11, seed=seed), 4, 1, 6), with_=oracle)


def test_a_row_that_grows_from_block_to_block(seed):
    x = randn(2, 12, seed=seed) + 40 * torch.arange(12)
    agrees(online_softmax, pieces(x, 3, 3, 3, 3), with_=oracle)


@pytest.mark.card("hidden-block-is-nothing")
def test_hidden_blocks_before_and_after():
    x = torch.tensor([[-INF, -INF, 1.0, -INF, -INF, 1.0], [-INF] * 6])
    m = [[-INF, 1.0, 1.0, 1.0], [-INF] * 4]
    gives = (m, [[0.0, 1.0, 1.0, 2.0], [0.0] * 4])
    agrees(online_softmax, pieces(x, 2, 1, 2, 1), with_=oracle, gives=gives)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_many_scores_in_every_dtype(dtype, seed):
    agrees(online_softmax, pieces(randn(2, 300, dtype=dtype, seed=seed) / 8, 100, 130, 70), with_=oracle)


def test_thousands_of_equal_scores_in_half_precision():
    gives = ([[2.0, 2.0, 2.0]], [[1500.0, 3000.0, 4001.0]])
    agrees(online_softmax, pieces(torch.full((1, 4001), 2.0).half(), 1500, 1500, 1001), with_=oracle, gives=gives)


def test_strides_and_no_rows_make_no_difference(seed):
    agrees(online_softmax, pieces(strided(randn(4, 7, seed=seed)), 3, 4), with_=oracle)
    agrees(online_softmax, pieces(torch.empty(0, 7), 3, 4), with_=oracle)


@settings(max_examples=8)
@given(st.integers(1, 3), st.lists(st.integers(1, 4), min_size=1, max_size=4), st.floats(0, 1), st.integers(0, 99))
def test_any_blocks_with_some_scores_hidden(rows, widths, hidden, seed):
    x = 20 * randn(rows, sum(widths), seed=seed)
    mask = torch.rand(x.shape, generator=torch.Generator().manual_seed(seed)) < hidden
    agrees(online_softmax, pieces(x.masked_fill(mask, -INF), *widths), with_=oracle)
