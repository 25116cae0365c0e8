"""Small products add up to a large one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch12_memory.tiled_matmul import tiled_matmul
from grader.checks import agrees, randn, strided
from reference.ch12_memory.tiled_matmul import tiled_matmul as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
A, B = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[2.0, 0.0], [1.0, 3.0]])


@pytest.mark.parametrize("tile, loaded", [(1, 16), (2, 8)])
def test_two_by_two_by_hand(tile, loaded):
    agrees(tiled_matmul, A, B, tile, with_=oracle, gives=([[4.0, 6.0], [10.0, 12.0]], loaded))


def test_a_tile_larger_than_the_matrices():
    agrees(tiled_matmul, A, B, 5, with_=oracle, gives=([[4.0, 6.0], [10.0, 12.0]], 8))


def test_a_total_of_three_tiles_along_k():
    a, b = torch.tensor([[1.0, 10.0, 100.0]]), torch.tensor([[1.0], [2.0], [3.0]])
    agrees(tiled_matmul, a, b, 1, with_=oracle, gives=([[321.0]], 6))


@pytest.mark.card("tiles-cut-traffic")
@pytest.mark.parametrize("tile, loaded", [(1, 1024), (2, 512), (8, 128)])
def test_a_tile_of_t_loads_a_tth_as_much(tile, loaded):
    agrees(tiled_matmul, torch.ones(8, 8), torch.eye(8), tile, with_=oracle, gives=([[1.0] * 8] * 8, loaded))


@pytest.mark.card("tiles-have-ragged-edges")
@pytest.mark.parametrize("n, k, m", [(7, 6, 9), (6, 7, 9), (6, 6, 8), (7, 8, 10)])
def test_sizes_that_no_tile_divides(n, k, m, seed):
    agrees(tiled_matmul, randn(n, k, seed=seed), randn(k, m, seed=seed + 1), 3, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_long_sums_in_every_dtype(dtype, seed):
    a, b = randn(2, 200, dtype=dtype, seed=seed), randn(200, 3, dtype=dtype, seed=seed + 1)
    agrees(tiled_matmul, a.abs(), b.abs(), 4, with_=oracle)


@pytest.mark.parametrize("dtypes", [(torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)], ids=str)
def test_two_matrices_of_different_dtypes(dtypes, seed):
    a, b = randn(2, 9, seed=seed).to(dtypes[0]), randn(9, 3, seed=seed + 1).to(dtypes[1])
    agrees(tiled_matmul, a, b, 4, with_=oracle)


def test_products_that_cancel_beyond_fp16():
    a, b = torch.tensor([[300.0, -300.0, 1.0]]).half(), torch.tensor([[400.0], [400.0], [2.0]]).half()
    agrees(tiled_matmul, a, b, 1, with_=oracle, gives=([[2.0]], 6))


def test_strided_and_empty_matrices(seed):
    a, b = randn(5, 4, seed=seed), randn(4, 3, seed=seed + 1)
    agrees(tiled_matmul, strided(a), strided(b), 2, with_=oracle)
    agrees(tiled_matmul, a[:, :0], b[:0], 2, with_=oracle)


@pytest.mark.parametrize("tile, inner", [(0, 2), (-1, 2), (2, 3)])
def test_tiles_of_nothing_and_sizes_that_do_not_fit_raise(tile, inner):
    agrees(tiled_matmul, torch.ones(2, 2), torch.ones(inner, 2), tile, with_=oracle)


@settings(max_examples=8)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 6), st.integers(1, 5), st.integers(0, 99))
def test_any_sizes_and_tiles(n, k, m, tile, seed):
    agrees(tiled_matmul, randn(n, k, seed=seed), randn(k, m, seed=seed + 1), tile, with_=oracle)
