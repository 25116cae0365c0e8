"""Two clocks: who waits for whom?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch14_budget.dual_rate import dual_rate
from grader.checks import agrees
from reference.ch14_budget.dual_rate import dual_rate as oracle


def test_an_event_between_two_runs_by_hand():
    agrees(dual_rate, 100, 20, 30, with_=oracle, gives=(30, 190))


@pytest.mark.card("latency-floor-of-a-pair")
def test_the_floor_is_one_run_of_each():
    agrees(dual_rate, 100, 20, 0, with_=oracle, gives=(20, 120))
    agrees(dual_rate, 100, 20, 200, with_=oracle, gives=(20, 120))


@pytest.mark.card("latency-floor-of-a-pair")
def test_just_missed_costs_nearly_another_run():
    agrees(dual_rate, 100, 20, 1, with_=oracle, gives=(39, 219))


def test_a_policy_that_has_just_started_when_the_plan_comes():
    agrees(dual_rate, 100, 30, 100, with_=oracle, gives=(50, 140))
    agrees(dual_rate, 101, 20, 50, with_=oracle, gives=(30, 190))


# 10 Hz and 120 Hz are the rates in the GR00T N1 report; the second policy is twice as fast
@pytest.mark.card("faster-policy-behind-a-planner")
@pytest.mark.parametrize("policy, gives", [(8333, (16_665, 216_657)), (4166, (8331, 208_299))])
def test_a_planner_of_10_hertz_hides_what_a_faster_policy_gains(policy, gives):
    agrees(dual_rate, 100_000, policy, 1, with_=oracle, gives=gives)


@pytest.mark.card("faster-policy-behind-a-planner")
def test_a_planner_twice_as_fast_nearly_halves_it():
    agrees(dual_rate, 50_000, 8333, 1, with_=oracle, gives=(16_665, 116_661))


def test_a_policy_slower_than_the_planner():
    agrees(dual_rate, 20, 100, 30, with_=oracle, gives=(170, 170))
    agrees(dual_rate, 20, 100, 90, with_=oracle, gives=(110, 210))


def test_times_are_whole_numbers_of_any_size():
    agrees(dual_rate, 3, 1, 10**17 + 1, with_=oracle)


@pytest.mark.parametrize("times", [(0, 20, 5), (100, 0, 5), (100, 20, -1)], ids=str)
def test_impossible_times_raise(times):
    agrees(dual_rate, *times, with_=oracle)


@given(st.integers(1, 300), st.integers(1, 60), st.integers(0, 999))
def test_any_pair_of_clocks(planner, policy, event):
    agrees(dual_rate, planner, policy, event, with_=oracle)
