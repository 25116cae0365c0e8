"""A curve of losses on one batch becomes one of five words."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.overfit_one_batch import overfit_one_batch
from grader.checks import exact
from reference.ch15_model.overfit_one_batch import overfit_one_batch as oracle


def test_three_curves_by_hand():
    exact(overfit_one_batch, [4.0, 1.0, 0.1], with_=oracle, gives="learns")
    exact(overfit_one_batch, [4.0, 3.0, 2.9], with_=oracle, gives="stalls")
    exact(overfit_one_batch, [4.0, 3.0, 2.9], floor=2.85, with_=oracle, gives="learns")


@pytest.mark.card("overfit-one-batch-curve")
def test_a_long_curve_that_falls_to_nothing_learns():
    exact(overfit_one_batch, [6.93 * 0.95**step for step in range(200)], with_=oracle, gives="learns")


@pytest.mark.card("overfit-one-batch-curve")
def test_a_curve_that_stops_at_the_entropy_of_the_tokens_stalls():
    exact(overfit_one_batch, [5.2 + 1.7 * 0.9**step for step in range(200)], with_=oracle, gives="stalls")


def test_a_curve_that_rises_diverges():
    exact(overfit_one_batch, [6.9 + 0.1 * step for step in range(40)], with_=oracle, gives="diverges")
    exact(overfit_one_batch, [4.0, 0.5, 4.1], with_=oracle, gives="diverges")
    exact(overfit_one_batch, [4.0, 4.0001], with_=oracle, gives="diverges")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_loss_that_is_not_finite_is_enough(bad, place):
    losses = [4.0, 0.1, 0.1]
    losses[place] = bad
    exact(overfit_one_batch, losses, with_=oracle, gives="not finite")


def test_nothing_but_nan():
    exact(overfit_one_batch, [math.nan], with_=oracle, gives="not finite")


@pytest.mark.card("overfit-one-batch-floor")
def test_no_model_gets_below_the_floor():
    exact(overfit_one_batch, [4.0, 1.0, 0.2], floor=0.5, with_=oracle, gives="below the floor")
    exact(overfit_one_batch, [4.0, -1.0, 0.1], with_=oracle, gives="below the floor")
    exact(overfit_one_batch, [0.2, 0.2, 0.9], floor=0.5, with_=oracle, gives="below the floor")


def test_rounding_may_bring_a_loss_a_little_below_the_floor():
    exact(overfit_one_batch, [4.0, 0.5, 0.495], floor=0.5, with_=oracle, gives="learns")
    exact(overfit_one_batch, [4.0, 0.0], floor=0.01, with_=oracle, gives="learns")
    exact(overfit_one_batch, [4.0, 0.48995], floor=0.5, with_=oracle, gives="below the floor")


def test_the_share_is_of_the_gap_between_first_loss_and_floor():
    exact(overfit_one_batch, [5.0, 1.25], floor=1.0, with_=oracle, gives="stalls")
    exact(overfit_one_batch, [5.0, 1.125], floor=1.0, with_=oracle, gives="learns")
    exact(overfit_one_batch, [9.0, 1.25], floor=1.0, with_=oracle, gives="learns")
    exact(overfit_one_batch, [1.5, 1.04], floor=1.0, with_=oracle, gives="stalls")
    exact(overfit_one_batch, [4.0, 0.19], with_=oracle, gives="learns")
    exact(overfit_one_batch, [4.0, 0.21], with_=oracle, gives="stalls")


def test_the_share_may_be_reached_exactly():
    exact(overfit_one_batch, [4.0, 1.0], share=0.25, with_=oracle, gives="learns")
    exact(overfit_one_batch, [4.0, 1.0], share=0.2, with_=oracle, gives="stalls")
    exact(overfit_one_batch, [4.0, 0.03], share=0.0, with_=oracle, gives="stalls")


def test_a_curve_that_ends_where_it_began_stalls():
    exact(overfit_one_batch, [4.0, 3.0, 4.0], with_=oracle, gives="stalls")
    exact(overfit_one_batch, [4.0], with_=oracle, gives="stalls")
    exact(overfit_one_batch, [0.5, 0.5], floor=0.5, with_=oracle, gives="learns")


def test_a_peak_on_the_way_does_no_harm():
    exact(overfit_one_batch, [4.0, 7.0, 0.1], with_=oracle, gives="learns")


@pytest.mark.parametrize("n", [9, 10, 19, 20, 29, 30])
def test_the_end_is_the_last_tenth_rounded_down(n):
    tenth = max(1, n // 10)
    for before in (0.0, 8.0):  # the loss just before the last tenth
        losses = [4.0] + [0.0] * (n - tenth - 2) + [before] + [0.25] * tenth
        exact(overfit_one_batch, losses, share=0.0625, with_=oracle, gives="learns")
        exact(overfit_one_batch, losses, share=0.06, with_=oracle, gives="stalls")


def test_one_peak_in_the_last_tenth_counts():
    losses = [4.0] + [0.0] * 17 + [1.0, 0.0]
    exact(overfit_one_batch, losses, with_=oracle, gives="stalls")
    exact(overfit_one_batch, losses, share=0.125, with_=oracle, gives="learns")


def test_no_losses_are_a_value_error():
    exact(overfit_one_batch, [], with_=oracle)


LOSSES = st.sampled_from([0.0, 0.25, 0.5, 1.0, 4.0, 8.0, math.nan, math.inf])


@settings(max_examples=40)
@given(
    st.lists(LOSSES, min_size=1, max_size=29),
    st.sampled_from([0.0, 0.25, 0.5]),
    st.sampled_from([0.0625, 0.25, 0.5]),
)
def test_any_curve(losses, floor, share):
    exact(overfit_one_batch, losses, floor=floor, share=share, with_=oracle)
