"""Three matrices at the cost of two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch08_block.swiglu_hidden import swiglu_hidden
from grader.checks import agrees
from reference.ch08_block.swiglu_hidden import swiglu_hidden as oracle


@pytest.mark.card("swiglu-eight-thirds")
def test_llama_2_7b():
    agrees(swiglu_hidden, 4096, with_=oracle, gives=[11008, 1.0078])


@pytest.mark.card("swiglu-eight-thirds")
def test_where_nothing_is_rounded_the_weights_are_those_of_the_plain_layer():
    agrees(swiglu_hidden, 768, 1, with_=oracle, gives=[2048, 1.0])


@pytest.mark.card("llama-3-ffn-width")
def test_llama_3_8b_is_three_and_a_half_times_as_wide_as_the_model():
    agrees(swiglu_hidden, 4096, 1024, 1.3, with_=oracle, gives=[14336, 1.3125])


@pytest.mark.card("llama-3-ffn-width")
@pytest.mark.parametrize("d_model, multiplier, hidden", [(8192, 1.3, 28672), (16384, 1.2, 53248)])
def test_llama_3_70b_and_405b(d_model, multiplier, hidden):
    agrees(swiglu_hidden, d_model, 4096, multiplier, with_=oracle, gives=[hidden, 3 * hidden / (8 * d_model)])


def test_a_width_that_is_a_multiple_already_stays():
    agrees(swiglu_hidden, 96, 32, with_=oracle, gives=[256, 1.0])


def test_a_width_just_above_a_multiple_is_rounded_up():
    agrees(swiglu_hidden, 512, with_=oracle, gives=[1536, 1.125])  # 1,365 is nearer to 1,280


def test_the_smallest_layer():
    agrees(swiglu_hidden, 1, 1, with_=oracle, gives=[2, 0.75])


def test_a_multiplier_below_one_narrows_the_layer():
    agrees(swiglu_hidden, 96, 32, 0.5, with_=oracle, gives=[128, 0.5])


def test_each_step_rounds_down_before_the_last_rounds_up():
    agrees(swiglu_hidden, 100, 1, 3.0, with_=oracle, gives=[798, 2.9925])
    agrees(swiglu_hidden, 96, 32, 1.126, with_=oracle, gives=[288, 1.125])


@pytest.mark.parametrize("asked", [(0, 256, 1.0), (-4096, 256, 1.0), (4096, 0, 1.0), (4096, 256, 0.0), (64, 8, -1.0)])
def test_what_is_not_positive_is_a_value_error(asked):
    agrees(swiglu_hidden, *asked, with_=oracle)


@given(st.integers(2, 20_000), st.integers(1, 4096), st.floats(0.25, 4, width=16))
def test_any_model(d_model, multiple, multiplier):
    agrees(swiglu_hidden, d_model, multiple, multiplier, with_=oracle)
