"""Rows of the left matrix times columns of the right matrix."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch01_tensors.matmul import matmul, matmul_by_loops
from grader.checks import agrees, randn, signal, strided
from reference.ch01_tensors.matmul import matmul as oracle
from reference.ch01_tensors.matmul import matmul_by_loops as loops_oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
A, B = [[1.0, 2.0], [3.0, 4.0]], [[2.0, 0.0], [1.0, 3.0]]


@pytest.mark.card("matmul-2-by-2")
def test_two_by_two_in_loops():
    agrees(matmul_by_loops, A, B, with_=loops_oracle, gives=[[4.0, 6.0], [10.0, 12.0]])


@pytest.mark.card("matmul-2-by-2")
def test_the_other_order_gives_another_result():
    agrees(matmul_by_loops, B, A, with_=loops_oracle, gives=[[2.0, 4.0], [10.0, 14.0]])


@pytest.mark.card("matmul-shapes")
def test_one_row_of_three_and_three_rows_of_two_make_one_row_of_two():
    b = [[1.0, -1.0], [0.0, 5.0], [2.0, 0.5]]
    agrees(matmul_by_loops, [[1.0, 2.0, 3.0]], b, with_=loops_oracle, gives=[[7.0, 10.5]])


@pytest.mark.card("matmul-shapes")
@pytest.mark.parametrize("i, j, k", [(4, 3, 2), (2, 3, 4), (3, 1, 2), (1, 4, 1)])
def test_loops_over_rows_and_columns_of_any_number(i, j, k, seed):
    a, b = randn(i, j, seed=seed).tolist(), randn(j, k, seed=seed + 1).tolist()
    agrees(matmul_by_loops, a, b, with_=loops_oracle)


@pytest.mark.parametrize("inner", [(3, 2), (2, 3), (1, 2), (2, 1)])
def test_loops_over_inner_sizes_that_differ_are_a_value_error(inner, seed):
    a, b = randn(2, inner[0], seed=seed).tolist(), randn(inner[1], 2, seed=seed + 1).tolist()
    agrees(matmul_by_loops, a, b, with_=loops_oracle)


@settings(max_examples=12)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.data())
def test_loops_over_any_whole_numbers(i, j, k, data):
    def table(rows, columns):
        row = st.lists(st.integers(-9, 9).map(float), min_size=columns, max_size=columns)
        return data.draw(st.lists(row, min_size=rows, max_size=rows))

    agrees(matmul_by_loops, table(i, j), table(j, k), with_=loops_oracle)


@pytest.mark.card("matmul-2-by-2")
def test_two_by_two_as_a_contraction():
    agrees(matmul, torch.tensor(A), torch.tensor(B), with_=oracle, gives=[[4.0, 6.0], [10.0, 12.0]])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tables_of_any_shape(dtype, seed):
    agrees(matmul, randn(3, 5, dtype=dtype, seed=seed), randn(5, 4, dtype=dtype, seed=seed + 1), with_=oracle)


def test_of_two_dtypes_the_first_is_that_of_the_result(seed):
    a, b = randn(3, 5, seed=seed), randn(5, 4, seed=seed + 1)
    agrees(matmul, a.bfloat16(), b, with_=oracle)
    agrees(matmul, a, b.bfloat16(), with_=oracle)


def test_square_tables_do_not_hide_the_order(seed):
    agrees(matmul, randn(4, 4, seed=seed), randn(4, 4, seed=seed + 1), with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_long_sum_is_kept_in_float32(dtype, seed):
    agrees(matmul, randn(2, 512, dtype=dtype, seed=seed), randn(512, 3, dtype=dtype, seed=seed + 1), with_=oracle)


def test_in_fp16_products_beyond_its_range_may_cancel():
    a, b = torch.tensor([[300.0, 300.0, 1.0]]).half(), torch.tensor([[300.0], [-300.0], [2.0]]).half()
    agrees(matmul, a, b, with_=oracle, gives=[[2.0]])


@pytest.mark.parametrize("kind", ["large", "tiny", "offset", "uneven"])
def test_values_of_every_size(kind, seed):
    agrees(matmul, signal(kind, 4, 24, dtype=torch.float16, seed=seed), randn(24, 3, seed=seed).half(), with_=oracle)


@pytest.mark.card("einsum-stretches-one")
@pytest.mark.parametrize("shapes", [((2, 3), (2, 4)), ((2, 2), (3, 3)), ((2, 3), (1, 4)), ((2, 1), (3, 4))], ids=str)
def test_inner_sizes_that_differ_are_a_value_error(shapes, seed):
    agrees(matmul, randn(*shapes[0], seed=seed), randn(*shapes[1], seed=seed + 1), with_=oracle)


def test_strides_and_empty_tables_make_no_difference(seed):
    agrees(matmul, strided(randn(3, 5, seed=seed)), strided(randn(5, 2, seed=seed + 1)), with_=oracle)
    agrees(matmul, torch.empty(0, 3), randn(3, 2, seed=seed), with_=oracle)
    agrees(matmul, torch.empty(2, 0), torch.empty(0, 3), with_=oracle, gives=[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


@settings(max_examples=12)
@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 4), st.integers(0, 99))
def test_any_shape(i, j, k, seed):
    agrees(matmul, randn(i, j, seed=seed), randn(j, k, seed=seed + 1), with_=oracle)
