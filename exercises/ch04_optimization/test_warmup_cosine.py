"""A ramp to the peak, half a cosine to the floor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch04_optimization.warmup_cosine import warmup_cosine
from grader.checks import agrees
from reference.ch04_optimization.warmup_cosine import warmup_cosine as oracle


@pytest.mark.card("warmup-is-a-ramp")
@pytest.mark.parametrize("step, gives", [(0, 0.25), (1, 0.5), (2, 0.75), (3, 1.0)])
def test_a_ramp_of_four_steps_by_hand(step, gives):
    agrees(warmup_cosine, step, 1.0, 4, 12, with_=oracle, gives=gives)


@pytest.mark.parametrize("step, gives", [(4, 1.0), (5, 0.9619), (8, 0.5), (11, 0.0381), (12, 0.0)])
def test_half_a_cosine_leads_down_by_hand(step, gives):
    agrees(warmup_cosine, step, 1.0, 4, 12, with_=oracle, gives=gives)


@pytest.mark.card("warmup-is-a-ramp")
@pytest.mark.parametrize("step", [0, 499, 999, 1000, 1999, 2000, 2001, 50_000, 99_999, 100_000])
def test_a_run_of_100000_steps_with_2000_of_warmup(step):
    agrees(warmup_cosine, step, 3e-4, 2000, 100_000, floor=3e-5, with_=oracle)


@pytest.mark.parametrize("step", [12, 13, 16, 20, 1000])
def test_after_the_last_step_it_stays_at_the_floor(step):
    agrees(warmup_cosine, step, 1.0, 4, 12, floor=0.1, with_=oracle, gives=0.1)


@pytest.mark.parametrize("step", [0, 1, 5, 10])
def test_without_warmup_it_starts_at_the_peak(step):
    agrees(warmup_cosine, step, 0.5, 0, 10, with_=oracle)


@pytest.mark.parametrize("step", [0, 2, 4, 5, 6])
def test_a_run_may_end_with_its_ramp(step):
    agrees(warmup_cosine, step, 1.0, 5, 5, floor=0.25, with_=oracle)


@pytest.mark.parametrize("step, warmup, total", [(-1, 4, 12), (-1, 0, 12), (3, 13, 12), (12, 13, 12), (0, -1, 12)])
def test_a_schedule_that_cannot_be_is_a_value_error(step, warmup, total):
    agrees(warmup_cosine, step, 1.0, warmup, total, with_=oracle)


@given(st.integers(0, 3000), st.floats(1e-5, 1.0), st.integers(0, 1000), st.integers(0, 2000), st.floats(0, 1.0))
def test_any_step_of_any_schedule(step, peak, warmup, rest, share):
    agrees(warmup_cosine, step, peak, warmup, warmup + rest, floor=share * peak, with_=oracle)
