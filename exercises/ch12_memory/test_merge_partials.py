"""Two softmaxes over parts of the keys give the softmax over all keys."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch12_memory.merge_partials import merge_partials
from grader.checks import agrees, randn, strided
from reference.ch12_memory.merge_partials import merge_partials as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
INF = torch.inf


def partial(rows, d, seed, size=1.0, dtype=torch.float32):
    return randn(rows, d, dtype=dtype, seed=seed), size * randn(rows, seed=seed + 50)


@pytest.mark.card("merge-by-log-sum-exp")
def test_one_key_and_three_by_hand():
    a, b = (torch.tensor([[2.0]]), torch.tensor([0.0])), (torch.tensor([[6.0]]), torch.tensor([math.log(3)]))
    agrees(merge_partials, *a, *b, with_=oracle, gives=([[5.0]], [1.3863]))
    agrees(merge_partials, *b, *a, with_=oracle, gives=([[5.0]], [1.3863]))


@pytest.mark.card("merge-by-log-sum-exp")
def test_one_key_may_outweigh_a_thousand():
    out, lse = (torch.tensor([[1.0]]), torch.tensor([[0.0]])), (torch.tensor([10.0]), torch.tensor([math.log(1000)]))
    agrees(merge_partials, out[0], lse[0], out[1], lse[1], with_=oracle, gives=([[0.9566]], [10.0444]))


@pytest.mark.parametrize("dtype, other", list(zip(DTYPES, DTYPES[1:] + DTYPES[:1], strict=True)), ids=str)
def test_parts_in_every_dtype(dtype, other, seed):
    agrees(merge_partials, *partial(4, 40, seed, 3, dtype), *partial(4, 40, seed + 1, 3, other), with_=oracle)


@pytest.mark.parametrize("shift", [1000.0, -1e5, 30.3])
def test_sums_that_no_float_holds(shift, seed):
    (out_a, lse_a), (out_b, lse_b) = partial(3, 5, seed), partial(3, 5, seed + 1)
    agrees(merge_partials, out_a, lse_a + shift, out_b, lse_b + shift, with_=oracle)


def test_parts_of_very_different_size(seed):
    agrees(merge_partials, *partial(6, 3, seed, 100), *partial(6, 3, seed + 1, 100), with_=oracle)


@pytest.mark.card("empty-partial-has-minus-inf")
def test_a_part_without_keys_changes_nothing():
    full, empty = (torch.tensor([[2.0, 4.0]]), torch.tensor([1.5])), (torch.zeros(1, 2), torch.tensor([-INF]))
    agrees(merge_partials, *full, *empty, with_=oracle, gives=([[2.0, 4.0]], [1.5]))
    agrees(merge_partials, *empty, *full, with_=oracle, gives=([[2.0, 4.0]], [1.5]))


@pytest.mark.card("empty-partial-has-minus-inf")
def test_two_parts_without_keys_stay_empty():
    out, lse = torch.tensor([[0.0], [3.0]]), torch.tensor([-INF, 1.0])
    agrees(merge_partials, out, lse, out, lse, with_=oracle, gives=([[0.0], [3.0]], [-INF, 1.6931]))


def test_strides_and_no_rows_make_no_difference(seed):
    (out_a, lse_a), (out_b, lse_b) = partial(4, 3, seed), partial(4, 3, seed + 1)
    agrees(merge_partials, strided(out_a), strided(lse_a), strided(out_b), strided(lse_b), with_=oracle)
    agrees(merge_partials, out_a[:0], lse_a[:0], out_b[:0], lse_b[:0], with_=oracle)


@settings(max_examples=8)
@given(st.integers(1, 4), st.integers(1, 4), st.floats(0, 60), st.lists(st.booleans(), min_size=4), st.integers(0, 99))
def test_any_parts_with_some_rows_empty(rows, d, size, seen, seed):
    (out_a, lse_a), b = partial(rows, d, seed, size), partial(rows, d, seed + 1, size)
    here = torch.tensor(seen[:rows])
    a = (out_a * here[:, None], torch.where(here, lse_a, torch.tensor(-INF)))
    agrees(merge_partials, *a, *b, with_=oracle)
