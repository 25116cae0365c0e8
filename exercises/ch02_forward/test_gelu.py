"""GELU multiplies x by a probability."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch02_forward.gelu import gelu
from grader.checks import KINDS, agrees, randn, signal, strided
from reference.ch02_forward.gelu import gelu as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.card("gelu-exact")
def test_minus_one_zero_and_one_by_hand():
    agrees(gelu, torch.tensor([-1.0, 0.0, 1.0]), with_=oracle, gives=[-0.1587, 0.0, 0.8413])


@pytest.mark.card("gelu-tanh-is-an-approximation")
def test_at_2_7_the_tanh_form_would_be_seen():
    agrees(gelu, torch.tensor([-2.7, 2.7]), with_=oracle, gives=[-0.0094, 2.6906])


@pytest.mark.card("gelu-slope-left-of-zero")
def test_between_minus_two_and_minus_one_it_falls():
    x = torch.tensor([-2.0, -1.75, -1.5, -1.25, -1.0])
    agrees(gelu, x, with_=oracle, gives=[-0.0455, -0.0701, -0.1002, -0.1321, -0.1587])


@pytest.mark.card("gelu-slope-left-of-zero")
def test_its_lowest_point_is_at_minus_0_7518():
    x = torch.tensor([-0.8018, -0.7518, -0.7018])
    agrees(gelu, x, with_=oracle, gives=[-0.1694, -0.1700, -0.1694])


@pytest.mark.card("gelu-units-starve")
def test_from_minus_four_on_little_is_left():
    agrees(gelu, torch.tensor([-4.0, -5.0, -6.0]), with_=oracle, gives=[-0.0001, 0.0, 0.0])
    agrees(gelu, torch.tensor([-4.0, -6.0, -8.0]).half(), with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_everything_between_minus_and_plus_six(dtype):
    agrees(gelu, torch.linspace(-6, 6, 193).to(dtype), with_=oracle)


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_of_every_size(kind, seed):
    agrees(gelu, signal(kind, 4, 9, seed=seed), with_=oracle)


def test_the_largest_fp16_passes():
    agrees(gelu, torch.tensor([65504.0, -65504.0]).half(), with_=oracle, gives=[65504.0, 0.0])


@pytest.mark.parametrize("shape", [(), (0,), (2, 3, 4)], ids=str)
def test_any_number_of_axes(shape, seed):
    agrees(gelu, randn(*shape, seed=seed), with_=oracle)


def test_strides_make_no_difference(seed):
    agrees(gelu, strided(randn(3, 5, seed=seed)), with_=oracle)


@given(st.lists(st.floats(-100, 100, width=32), max_size=6))
def test_any_finite_numbers(values):
    agrees(gelu, torch.tensor(values, dtype=torch.float32), with_=oracle)
