"""Unscale, then clip. Skip what overflowed. Find the scale by trying."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.loss_scaling import loss_scaling
from grader.checks import agrees, randn, strided
from reference.ch15_model.loss_scaling import loss_scaling as oracle

SCALES = [1.0, 2.0, 1024.0, 65536.0]


def fp16(*rows):
    return [torch.tensor(row).half() for row in rows]


def gradients(seed, size=1.0):
    return [(size * randn(*shape, seed=seed + i)).half() for i, shape in enumerate([(4, 3), (3,), (2, 1, 5), ()])]


def test_three_calls_by_hand():
    agrees(loss_scaling, fp16([6.0, 8.0]), 2.0, 0, with_=oracle, gives=([[0.6, 0.8]], 2.0, 1))
    agrees(loss_scaling, fp16([6.0, 8.0]), 2.0, 9, grow_after=10, with_=oracle, gives=([[0.6, 0.8]], 4.0, 0))
    agrees(loss_scaling, fp16([6.0, torch.inf]), 2.0, 9, with_=oracle, gives=(None, 1.0, 0))


@pytest.mark.card("loss-scale-unscale-before-clip")
def test_a_norm_below_max_norm_is_not_clipped_however_large_the_scale_is():
    # Unscaled, the norm is 0.625. Scaled, it is 640.
    grads = fp16([384.0], [512.0])
    agrees(loss_scaling, grads, 1024.0, 0, with_=oracle, gives=([[0.375], [0.5]], 1024.0, 1))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("max_norm", [1e-3, 1.0, 1e5])
def test_tensors_of_any_shape_share_scale_and_clipping(scale, max_norm, seed):
    agrees(loss_scaling, gradients(seed, 50.0), scale, 5, max_norm=max_norm, with_=oracle)


def test_what_fp16_could_not_hold_without_the_scale():
    # 0.001 / 65,536 is 1.5e-8, and fp16 rounds that to 0.
    agrees(loss_scaling, fp16([1e-3, -2e-3], [6e-8]), 65536.0, 0, max_norm=1e-6, with_=oracle)
    agrees(loss_scaling, fp16([1e-3, -2e-3], [6e-8]), 65536.0, 0, with_=oracle)


@pytest.mark.card("loss-scale-skip-on-inf")
@pytest.mark.parametrize("bad", [torch.inf, -torch.inf, torch.nan])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_one_inf_or_nan_anywhere_skips_the_whole_step(bad, place, seed):
    grads = gradients(seed)
    grads[place].view(-1)[-1] = bad
    agrees(loss_scaling, grads, 65536.0, 1234, with_=oracle, gives=(None, 32768.0, 0))


def test_a_skip_comes_before_growth():
    agrees(loss_scaling, fp16([torch.nan]), 8.0, 9, grow_after=10, with_=oracle, gives=(None, 4.0, 0))
    agrees(loss_scaling, fp16([torch.inf]), 1.0, 0, grow_after=1, with_=oracle, gives=(None, 0.5, 0))


def test_the_largest_numbers_of_fp16_are_finite():
    agrees(loss_scaling, fp16([65504.0, 65504.0, 60000.0], [65504.0]), 4.0, 0, with_=oracle)


@pytest.mark.parametrize(
    "good_steps, scale, next_steps", [(0, 16.0, 1), (8, 16.0, 9), (9, 32.0, 0), (10, 32.0, 0), (50, 32.0, 0)]
)
def test_ten_good_steps_double_the_scale(good_steps, scale, next_steps):
    gives = ([[0.25]], scale, next_steps)
    agrees(loss_scaling, fp16([4.0]), 16.0, good_steps, grow_after=10, with_=oracle, gives=gives)


@pytest.mark.parametrize("good_steps, scale, next_steps", [(1998, 16.0, 1999), (1999, 32.0, 0)])
def test_by_default_two_thousand_good_steps_double_it(good_steps, scale, next_steps):
    agrees(loss_scaling, fp16([4.0]), 16.0, good_steps, with_=oracle, gives=([[0.25]], scale, next_steps))


def test_zeros_and_no_gradients_at_all_are_a_good_step():
    agrees(loss_scaling, fp16([0.0, 0.0]), 4.0, 3, with_=oracle, gives=([[0.0, 0.0]], 4.0, 4))
    agrees(loss_scaling, [], 4.0, 3, with_=oracle, gives=([], 4.0, 4))
    agrees(loss_scaling, [torch.zeros(0, 3).half()], 4.0, 3, with_=oracle)


def test_strides_make_no_difference(seed):
    agrees(loss_scaling, [strided(g) for g in gradients(seed)], 2.0, 3, with_=oracle)


VALUES = st.floats(-6e4, 6e4, width=16) | st.sampled_from([torch.inf, torch.nan])


@settings(max_examples=15)
@given(
    st.lists(st.lists(VALUES, max_size=3), max_size=3), st.sampled_from(SCALES), st.integers(0, 6), st.integers(1, 6)
)
def test_any_gradients(rows, scale, good_steps, grow_after):
    agrees(loss_scaling, fp16(*rows), scale, good_steps, grow_after=grow_after, with_=oracle)
