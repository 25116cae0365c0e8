"""Fast pairs keep their frequency, and slow pairs get slower."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch08_block.rope_ntk import rope_ntk
from grader.checks import agrees
from reference.ch08_block.rope_ntk import rope_ntk as oracle


@pytest.mark.card("ntk-base-change")
def test_two_pairs_by_hand():
    agrees(rope_ntk, 4, 100.0, 3.0, with_=oracle, gives=[1.0, 0.0333])


@pytest.mark.card("ntk-base-change")
def test_three_pairs_share_the_factor_out_by_steps():
    agrees(rope_ntk, 6, 1000.0, 4.0, with_=oracle, gives=[1.0, 0.05, 0.0025])


def test_the_new_base_need_not_be_an_integer():
    agrees(rope_ntk, 4, 50.0, 1.5, with_=oracle, gives=[1.0, 0.0943])  # 50 · 1.5² = 112.5


def test_a_factor_of_one_changes_nothing():
    agrees(rope_ntk, 4, 10000.0, 1.0, with_=oracle, gives=[1.0, 0.01])


@pytest.mark.parametrize("base, factor", [(10000.0, 2.0), (10000.0, 8.0), (500000.0, 16.0)])
def test_heads_of_width_128(base, factor):
    agrees(rope_ntk, 128, base, factor, with_=oracle)


@pytest.mark.parametrize("width, factor", [(2, 2.0), (5, 2.0), (0, 2.0), (8, 0.5), (8, -1.0)])
def test_what_cannot_be_stretched_is_a_value_error(width, factor):
    agrees(rope_ntk, width, 10000.0, factor, with_=oracle)


@given(st.integers(2, 64), st.floats(10, 1e6, width=32), st.floats(1, 64, width=32))
def test_any_head(pairs, base, factor):
    agrees(rope_ntk, 2 * pairs, base, factor, with_=oracle)
