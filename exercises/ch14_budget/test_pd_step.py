"""A spring, a brake and a limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch14_budget.pd_step import pd_step
from grader.checks import agrees
from reference.ch14_budget.pd_step import pd_step as oracle


def joint(kp=8.0, kd=1.0, limit=10.0, inertia=2.0, dt=0.1):
    return {"kp": kp, "kd": kd, "limit": limit, "inertia": inertia, "dt": dt}


@pytest.mark.card("pd-is-spring-and-brake")
def test_a_spring_and_a_brake_by_hand():
    agrees(pd_step, 0.0, 1.0, 0.5, **joint(), with_=oracle, gives=(0.115, 1.15, 3.0))


@pytest.mark.card("pd-is-spring-and-brake")
def test_at_the_target_only_the_brake_works():
    agrees(pd_step, 0.5, 2.0, 0.5, **joint(), with_=oracle, gives=(0.69, 1.9, -2.0))


def test_a_target_behind_and_a_speed_backwards():
    agrees(pd_step, 0.0, 0.0, -0.5, **joint(), with_=oracle, gives=(-0.02, -0.2, -4.0))
    agrees(pd_step, 0.5, -2.0, 0.5, **joint(), with_=oracle, gives=(0.31, -1.9, 2.0))


def test_a_target_more_than_a_turn_away():
    agrees(pd_step, 0.0, 0.0, 7.0, **joint(kp=1.0), with_=oracle, gives=(0.035, 0.35, 7.0))


def test_at_rest_at_the_target_nothing_moves():
    agrees(pd_step, 0.5, 0.0, 0.5, **joint(), with_=oracle, gives=(0.5, 0.0, 0.0))


@pytest.mark.parametrize("target, gives", [(9.0, (0.06, 0.6, 10.0)), (-9.0, (-0.04, -0.4, -10.0))])
def test_a_motor_has_a_largest_torque_in_both_directions(target, gives):
    agrees(pd_step, 0.0, 0.1, target, **joint(), with_=oracle, gives=gives)


def test_a_fast_joint_is_braked_up_to_the_limit():
    agrees(pd_step, 0.0, 20.0, 0.0, **joint(), with_=oracle, gives=(1.95, 19.5, -10.0))


@given(st.floats(-3, 3), st.floats(-9, 9), st.floats(-3, 3), st.floats(1, 99), st.floats(0, 9), st.floats(0.1, 4))
def test_any_joint(angle, speed, target, kp, kd, inertia):
    agrees(pd_step, angle, speed, target, **joint(kp, kd, 20.0, inertia, 0.002), with_=oracle)
