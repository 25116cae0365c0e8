"""All gradients as one vector: clipping changes its norm and keeps its direction."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch04_optimization.clip_by_global_norm import clip_by_global_norm
from grader.checks import agrees, randn, strided
from reference.ch04_optimization.clip_by_global_norm import clip_by_global_norm as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def gradients(seed, dtype=torch.float32):
    return [randn(*shape, dtype=dtype, seed=seed + i) for i, shape in enumerate([(4, 3), (3,), (2, 1, 5)])]


def test_three_and_four_by_hand():
    agrees(
        clip_by_global_norm,
        [torch.tensor([3.0]), torch.tensor([4.0])],
        1.0,
        with_=oracle,
        gives=([[0.6], [0.8]], 5.0),
    )


@pytest.mark.parametrize("max_norm", [5.0, 10.0])
def test_what_is_short_enough_stays_as_it_is(max_norm):
    grads = [torch.tensor([3.0]), torch.tensor([4.0])]
    agrees(clip_by_global_norm, grads, max_norm, with_=oracle, gives=([[3.0], [4.0]], 5.0))


def test_300_and_400_fit_fp16_and_their_squares_do_not():
    agrees(clip_by_global_norm, [torch.tensor([300.0, 400.0]).half()], 5.0, with_=oracle, gives=([[3.0, 4.0]], 500.0))


def test_gradients_whose_squares_vanish_in_fp16():
    agrees(clip_by_global_norm, [torch.tensor([3e-5, 4e-5]).half(), torch.tensor([1e-4]).half()], 1e-5, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_tensors_of_any_shape_share_a_scale(max_norm, dtype, seed):
    agrees(clip_by_global_norm, gradients(seed, dtype), max_norm, with_=oracle)


def test_a_small_tensor_beside_a_large_one(seed):
    agrees(clip_by_global_norm, [1e-3 * randn(5, seed=seed), 1e3 * randn(5, seed=seed + 1)], 1.0, with_=oracle)


def test_every_tensor_keeps_its_dtype(seed):
    grads = [randn(6, dtype=dtype, seed=seed + i) for i, dtype in enumerate(DTYPES)]
    agrees(clip_by_global_norm, grads, 0.7, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_many_squares_are_summed_in_float32(dtype, seed):
    agrees(clip_by_global_norm, [randn(3000, dtype=dtype, seed=seed)], 2.0, with_=oracle)


def test_tiny_gradients_come_out_at_the_norm_asked_for(seed):
    agrees(clip_by_global_norm, [1e-5 * g for g in gradients(seed)], 1e-6, with_=oracle)


def test_zeros_and_nothing_at_all_have_norm_zero():
    agrees(clip_by_global_norm, [torch.zeros(2, 2), torch.zeros(1)], 1.0, with_=oracle)
    agrees(clip_by_global_norm, [], 1.0, with_=oracle, gives=([], 0.0))
    agrees(clip_by_global_norm, [torch.empty(0), torch.tensor([2.0])], 1.0, with_=oracle, gives=([[], [1.0]], 2.0))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_a_norm_that_is_not_finite_is_a_value_error(bad, seed):
    agrees(clip_by_global_norm, [*gradients(seed), torch.tensor([1.0, bad])], 1.0, with_=oracle)


def test_strides_make_no_difference(seed):
    agrees(clip_by_global_norm, [strided(g) for g in gradients(seed)], 0.5, with_=oracle)


@settings(max_examples=15)
@given(st.lists(st.lists(st.floats(-1e3, 1e3, width=32), max_size=4), max_size=4), st.floats(1e-3, 1e3))
def test_any_gradients(rows, max_norm):
    agrees(clip_by_global_norm, [torch.tensor(row, dtype=torch.float32) for row in rows], max_norm, with_=oracle)
