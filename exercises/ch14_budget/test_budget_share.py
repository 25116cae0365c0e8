"""Microseconds of a control step, in percent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch14_budget.budget_share import budget_share
from grader.checks import agrees
from reference.ch14_budget.budget_share import budget_share as oracle


@pytest.mark.card("hundred-microseconds-of-a-step")
def test_100_microseconds_at_50_hertz_by_hand():
    agrees(budget_share, {"attention": 100.0}, 50.0, with_=oracle, gives={"attention": 0.5, "left": 99.5})


@pytest.mark.card("hundred-microseconds-of-a-step")
@pytest.mark.parametrize("rate, share", [(1000.0, 10.0), (10_000.0, 100.0), (10.0, 0.1)])
def test_the_faster_the_loop_the_larger_the_share(rate, share):
    agrees(budget_share, {"attention": 100.0}, rate, with_=oracle, gives={"attention": share, "left": 100 - share})


@pytest.mark.card("groot-published-rates")
def test_published_times_of_a_robot_policy_at_50_hertz():
    parts = {"backbone": 23_180.0, "action head": 24_700.0}
    gives = {"backbone": 115.9, "action head": 123.5, "left": -139.4}
    agrees(budget_share, parts, 50.0, with_=oracle, gives=gives)


def test_several_parts_and_what_they_leave():
    parts = {"camera": 4000.0, "policy": 9000.0, "motors": 500.0}
    gives = {"camera": 20.0, "policy": 45.0, "motors": 2.5, "left": 32.5}
    agrees(budget_share, parts, 50.0, with_=oracle, gives=gives)


def test_a_step_is_no_whole_number_of_microseconds_at_30_hertz():
    gives = {"attention": 0.375, "free": 0.0, "left": 99.625}
    agrees(budget_share, {"attention": 125.0, "free": 0.0}, 30.0, with_=oracle, gives=gives)


def test_no_parts_leave_everything():
    agrees(budget_share, {}, 50.0, with_=oracle, gives={"left": 100.0})


@pytest.mark.parametrize(
    "parts, rate", [({"a": -1.0}, 50.0), ({"a": -1.0, "b": 5.0}, 50.0), ({"a": 1.0}, 0.0), ({"a": 1.0}, -50.0)]
)
def test_negative_times_and_rates_raise(parts, rate):
    agrees(budget_share, parts, rate, with_=oracle)


@given(st.lists(st.integers(0, 9999), max_size=4), st.integers(1, 999))
def test_any_parts_at_any_rate(times, rate):
    agrees(budget_share, {f"part {i}": float(t) for i, t in enumerate(times)}, float(rate), with_=oracle)
