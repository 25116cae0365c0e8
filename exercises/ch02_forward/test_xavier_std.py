"""Each layer multiplies the signal by a factor near 1."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch02_forward.xavier_std import signal_by_depth, xavier_std
from grader.checks import agrees
from reference.ch02_forward.xavier_std import signal_by_depth as signal_oracle
from reference.ch02_forward.xavier_std import xavier_std as std_oracle

fans = st.integers(1, 10_000)


def glorot(widths, gain=1.0):
    """The arguments of signal_by_depth for layers with Glorot's weights."""
    return widths, [std_oracle(*pair, gain) for pair in pairwise(widths)]


@pytest.mark.card("glorot-std")
def test_three_inputs_and_five_outputs_by_hand():
    agrees(xavier_std, 3, 5, with_=std_oracle, gives=0.5)


@pytest.mark.card("glorot-std")
def test_the_order_of_the_fans_does_not_matter():
    agrees(xavier_std, 512, 256, with_=std_oracle, gives=0.0510)
    agrees(xavier_std, 256, 512, with_=std_oracle, gives=0.0510)


@pytest.mark.parametrize("gain", [2.0, 0.5])
def test_the_gain_multiplies_the_standard_deviation(gain):
    agrees(xavier_std, 30, 20, gain=gain, with_=std_oracle, gives=0.2 * gain)


def test_the_signal_of_two_layers_by_hand():
    agrees(signal_by_depth, [2, 6, 2], [0.5, 0.5], with_=signal_oracle, gives=[0.5, 0.75])


def test_the_signal_of_three_layers_with_relu_by_hand():
    agrees(signal_by_depth, [2, 6, 2, 4], [0.5] * 3, relu=True, with_=signal_oracle, gives=[0.25, 0.1875, 0.0469])


@pytest.mark.card("variance-by-depth")
def test_equal_widths_and_glorots_weights_keep_the_signal():
    agrees(signal_by_depth, *glorot([64] * 51), with_=signal_oracle, gives=[1.0] * 50)


@pytest.mark.card("variance-by-depth")
@pytest.mark.parametrize("gain", [1.1, 0.9])
def test_weights_ten_percent_off_explode_or_vanish_over_fifty_layers(gain):
    gives = [gain ** (2 * depth) for depth in range(1, 51)]
    agrees(signal_by_depth, *glorot([64] * 51, gain), with_=signal_oracle, gives=gives)


@pytest.mark.card("glorot-with-relu")
def test_with_relu_half_is_left_after_every_layer():
    gives = [0.5**depth for depth in range(1, 51)]
    agrees(signal_by_depth, *glorot([64] * 51), relu=True, with_=signal_oracle, gives=gives)


@pytest.mark.card("glorot-with-relu")
def test_a_gain_of_root_2_makes_up_for_relu():
    agrees(signal_by_depth, *glorot([64] * 6, 2**0.5), relu=True, with_=signal_oracle, gives=[1.0] * 5)


@pytest.mark.card("glorot-with-unequal-widths")
def test_a_pair_of_layers_through_four_times_the_width_keeps_64_percent():
    agrees(signal_by_depth, *glorot([512, 2048, 512]), with_=signal_oracle, gives=[0.4, 0.64])


@pytest.mark.parametrize("relu", [False, True], ids=["linear", "relu"])
def test_every_layer_has_a_standard_deviation_of_its_own(relu):
    agrees(signal_by_depth, [784, 512, 256, 10], [0.02, 0.1, 0.3], relu=relu, with_=signal_oracle)


def test_without_layers_there_is_nothing_to_tell():
    agrees(signal_by_depth, [7], [], with_=signal_oracle, gives=[])


@given(fans, fans, st.floats(0.1, 4))
def test_any_fans(fan_in, fan_out, gain):
    agrees(xavier_std, fan_in, fan_out, gain, with_=std_oracle)


@given(st.lists(st.tuples(fans, st.floats(0.01, 2)), max_size=6), st.booleans())
def test_any_layers(layers, relu):
    agrees(signal_by_depth, [*(n for n, _ in layers), 1], [std for _, std in layers], relu=relu, with_=signal_oracle)
