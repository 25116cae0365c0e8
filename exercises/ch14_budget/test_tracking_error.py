"""A joint follows targets that arrive late."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch14_budget.tracking_error import tracking_error
from grader.checks import agrees
from reference.ch14_budget.tracking_error import tracking_error as oracle

# a swing of 0.5 rad at 1 Hz, in ticks of 10 kHz; 200 ticks are a step of 50 Hz
TWO_SECONDS = [0.5 * math.sin(2 * math.pi * tick / 10_000) for tick in range(20_000)]
SWING = TWO_SECONDS[:10_000]
JOINT = {"kp": 40_000.0, "kd": 400.0, "dt": 1e-4}  # critically damped, 32 Hz


def test_three_ticks_by_hand():
    agrees(tracking_error, [0.0, 1.0, 2.0], 2, 0, 1.0, 0.0, 1.0, with_=oracle, gives=(0.5774, 1.1547))


@pytest.mark.card("pd-does-not-wait")
def test_a_target_of_the_first_tick_that_arrives_at_the_third():
    wanted = [0.0, 4.0, 4.0, 4.0]
    agrees(tracking_error, wanted, 1, 2, 0.5, 0.0, 1.0, with_=oracle, gives=(3.0, 1.0))


def test_a_brake_and_a_start_away_from_zero():
    agrees(tracking_error, [1.0, 3.0, 3.0], 1, 0, 0.5, 0.25, 1.0, with_=oracle, gives=(0.5951, 0.7217))


@pytest.mark.card("hundred-microseconds", "delay-does-not-add-up")
@pytest.mark.parametrize(
    "delay, gives", [(0, (0.0434831, 124.6315)), (1, (0.0436973, 124.6315)), (50, (0.0541897, 124.6314))]
)
def test_a_swing_with_targets_late_by_0_and_100_microseconds_and_5_milliseconds(delay, gives):
    agrees(tracking_error, SWING, 200, delay, **JOINT, with_=oracle, gives=gives)


# The first second starts at rest. With targets 20 ms late it has one jump fewer, so it looks smoother than it is. The
# second second is steady. Its mean square is twice the mean square of both seconds minus the mean square of the first.
@pytest.mark.card("delay-does-not-add-up", "missed-step-shows")
@pytest.mark.parametrize(
    "delay, gives",
    [(0, (0.0438054, 125.9181)), (1, (0.044023, 125.9181)), (50, (0.0546847, 125.918)), (200, (0.087061, 124.6723))],
)
def test_two_seconds_of_the_swing_with_late_targets(delay, gives):
    agrees(tracking_error, TWO_SECONDS, 200, delay, **JOINT, with_=oracle, gives=gives)


@pytest.mark.card("holding-makes-it-rough")
def test_two_seconds_with_targets_twice_as_often():
    agrees(tracking_error, TWO_SECONDS, 100, 0, **JOINT, with_=oracle, gives=(0.0327463, 89.478))


@pytest.mark.card("missed-step-shows")
def test_a_missed_step_of_20_milliseconds():
    agrees(tracking_error, SWING, 200, 200, **JOINT, with_=oracle, gives=(0.0858, 122.1009))


@pytest.mark.card("holding-makes-it-rough")
def test_targets_twice_as_often():
    agrees(tracking_error, SWING, 100, 0, **JOINT, with_=oracle, gives=(0.0325, 89.0256))


def test_a_delay_longer_than_a_step_and_than_everything():
    wanted = [0.0, 1.0, -1.0, 2.0, 0.5, 3.0, 1.0, 0.0]
    agrees(tracking_error, wanted, 2, 3, 2.0, 0.5, 0.3, with_=oracle)
    agrees(tracking_error, wanted, 2, 5, 2.0, 0.5, 0.3, with_=oracle)
    agrees(tracking_error, wanted, 3, 50, 2.0, 0.5, 0.3, with_=oracle, gives=(1.4252, 0.0))


def test_a_single_tick():
    agrees(tracking_error, [3.0], 2, 1, 2.0, 0.5, 0.3, with_=oracle, gives=(0.0, 0.0))


@settings(max_examples=20)
@given(st.lists(st.floats(-2, 2), min_size=1, max_size=20), st.integers(1, 5), st.integers(0, 9))
def test_any_wish_and_any_delay(wanted, hold, delay):
    agrees(tracking_error, wanted, hold, delay, 3.0, 0.5, 0.2, with_=oracle)
