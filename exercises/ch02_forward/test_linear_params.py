"""There is a weight for every pair of input and output, and a bias for every output."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch02_forward.linear_params import linear_params
from grader.checks import agrees
from reference.ch02_forward.linear_params import linear_params as oracle


def test_two_inputs_and_three_outputs_by_hand():
    agrees(linear_params, [2, 3], with_=oracle, gives=9)
    agrees(linear_params, [2, 3, 1], with_=oracle, gives=13)


def test_layers_of_the_same_widths_count_each():
    agrees(linear_params, [4, 4, 4], with_=oracle, gives=40)


@pytest.mark.card("linear-params-512-256")
def test_512_to_256_has_131328():
    agrees(linear_params, [512, 256], with_=oracle, gives=131_328)


@pytest.mark.card("linear-params-512-256")
def test_without_biases_it_has_256_fewer():
    agrees(linear_params, [512, 256], bias=False, with_=oracle, gives=131_072)


@pytest.mark.card("bias-share-of-params")
def test_of_4097_parameters_an_output_has_one_is_a_bias():
    agrees(linear_params, [4096, 1], with_=oracle, gives=4097)
    agrees(linear_params, [4096, 14336], with_=oracle, gives=14336 * 4097)


def test_a_classifier_of_three_layers():
    agrees(linear_params, [784, 512, 256, 10], with_=oracle, gives=535_818)


def test_a_narrow_middle_is_cheaper_than_going_straight():
    agrees(linear_params, [512, 8, 256], bias=False, with_=oracle, gives=6144)


def test_a_large_count_is_exact():
    agrees(linear_params, [16384, 53248, 16384] * 60, with_=oracle)
    agrees(linear_params, [3**17, 3**17], bias=False, with_=oracle, gives=16_677_181_699_666_569)


@pytest.mark.parametrize("widths", [[5], []], ids=["one width", "none"])
def test_without_two_widths_there_is_no_layer(widths):
    agrees(linear_params, widths, with_=oracle, gives=0)


@given(st.lists(st.integers(0, 1000), max_size=6), st.booleans())
def test_any_widths(widths, bias):
    agrees(linear_params, widths, bias=bias, with_=oracle)
