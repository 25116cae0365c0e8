"""The other parts stay as slow as before."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch14_budget.amdahl import amdahl
from grader.checks import agrees
from reference.ch14_budget.amdahl import amdahl as oracle

# GR00T N1.5 on an H100, in ms, from its README
GROOT = {"backbone": 23.18, "action head": 24.7}


def test_a_fifth_of_the_time_four_times_faster_by_hand():
    agrees(amdahl, {"attention": 2.0, "rest": 8.0}, {"attention": 4.0}, with_=oracle, gives=1.1765)


@pytest.mark.card("amdahl-limit")
@pytest.mark.parametrize("factor, gain", [(3.0, 1.1538), (5.0, 1.1905), (math.inf, 1.25)])
def test_what_attention_that_takes_a_fifth_can_gain_at_most(factor, gain):
    agrees(amdahl, {"attention": 0.2, "rest": 0.8}, {"attention": factor}, with_=oracle, gives=gain)


@pytest.mark.card("int8-saving-needs-a-share")
@pytest.mark.parametrize("attention, gain", [(30.0, 1.1765), (40.0, 1.25), (10.0, 1.0526)])
def test_attention_twice_as_fast_saves_half_its_share(attention, gain):
    agrees(amdahl, {"attention": attention, "rest": 100 - attention}, {"attention": 2.0}, with_=oracle, gives=gain)


@pytest.mark.card("backbone-is-not-the-slower")
@pytest.mark.parametrize("part, gain", [("backbone", 1.3194), ("action head", 1.3476)])
def test_a_robot_policy_with_one_half_twice_as_fast(part, gain):
    agrees(amdahl, GROOT, {part: 2.0}, with_=oracle, gives=gain)


def test_several_factors_one_of_them_slower():
    factors = {"a": 2.0, "c": 0.5}
    agrees(amdahl, {"a": 4.0, "b": 3.0, "c": 1.0}, factors, with_=oracle, gives=1.1429)


def test_nothing_faster_and_nothing_left():
    agrees(amdahl, {"a": 4.0, "b": 3.0}, {}, with_=oracle, gives=1.0)
    agrees(amdahl, {"a": 4.0}, {"a": math.inf}, with_=oracle, gives=math.inf)


@pytest.mark.parametrize("factors", [{"c": 2.0}, {"a": 0.0}, {"a": -2.0}], ids=str)
def test_factors_of_no_part_and_of_no_meaning_raise(factors):
    agrees(amdahl, {"a": 4.0, "b": 3.0}, factors, with_=oracle)


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(0, 8)), min_size=1, max_size=5))
def test_any_parts_and_factors(parts):
    times = {f"part {i}": float(t) for i, (t, _) in enumerate(parts)}
    factors = {f"part {i}": float(f) for i, (_, f) in enumerate(parts) if f}
    agrees(amdahl, times, factors, with_=oracle)
