"""Bytes that a tiled matmul moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch12_memory.matmul_traffic import matmul_traffic
from grader.checks import agrees
from reference.ch12_memory.matmul_traffic import matmul_traffic as oracle


def test_four_tiles_by_hand():
    agrees(matmul_traffic, 4, 4, 4, 2, 2, 2, with_=oracle, gives={"a": 64, "b": 64, "out": 32})


@pytest.mark.card("tiling-divides-the-bytes")
@pytest.mark.parametrize(("tile", "gigabytes"), [(1, 256), (64, 4), (128, 2)])
def test_a_4096_square_matmul_in_bf16(tile, gigabytes):
    size = gigabytes * 2**29
    agrees(matmul_traffic, *[4096] * 3, tile, tile, 2, with_=oracle, gives={"a": size, "b": size, "out": 2**25})


@pytest.mark.parametrize("tiles", [(64, 32), (32, 64), (256, 16)])
@pytest.mark.parametrize("sizes", [(100, 70, 33), (65, 64, 7), (1, 289, 50)])
def test_tiles_that_do_not_divide(sizes, tiles):
    agrees(matmul_traffic, *sizes, *tiles, 2, with_=oracle)


@pytest.mark.parametrize("tiles", [(0, 64), (64, 0), (-1, 64), (64, -1)])
def test_a_tile_needs_rows_and_columns(tiles):
    agrees(matmul_traffic, 8, 8, 8, *tiles, 2, with_=oracle)


@given(st.tuples(*[st.integers(1, 300)] * 3), st.tuples(*[st.integers(1, 130)] * 2), st.sampled_from([1, 2, 4]))
def test_any_sizes(sizes, tiles, itemsize):
    agrees(matmul_traffic, *sizes, *tiles, itemsize, with_=oracle)
