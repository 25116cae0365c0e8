"""One walk over the tape, from the output to the first value."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch03_backward.tape_backward import tape_backward
from grader.checks import agrees
from reference.ch03_backward.tape_backward import tape_backward as oracle


@pytest.mark.card("gradients-add-at-a-fork")
def test_x_times_y_plus_x_by_hand():
    tape = [[], [], [(0, 3.0), (1, 2.0)], [(2, 1.0), (0, 1.0)]]
    agrees(tape_backward, tape, 3, with_=oracle, gives=[4.0, 2.0, 1.0, 1.0])


@pytest.mark.card("chain-rule-multiplies")
def test_along_a_chain_slopes_multiply():
    agrees(tape_backward, [[], [(0, 2.0)], [(1, 5.0)], [(2, -0.5)]], 3, with_=oracle, gives=[-5.0, -2.5, -0.5, 1.0])


def test_x_times_x_uses_x_twice():
    agrees(tape_backward, [[], [(0, 7.0), (0, 7.0)]], 1, with_=oracle, gives=[14.0, 1.0])


@pytest.mark.card("reverse-order-of-the-tape")
def test_a_value_waits_until_all_its_uses_have_sent_their_part():
    # value 1 is used by the output directly and, a longer way round, by value 2
    tape = [[], [(0, 10.0)], [(1, 3.0)], [(2, 2.0)], [(1, 1.0), (3, 1.0)]]
    agrees(tape_backward, tape, 4, with_=oracle, gives=[70.0, 7.0, 2.0, 1.0, 1.0])


@pytest.mark.card("reverse-order-of-the-tape")
def test_the_order_of_the_inputs_makes_no_difference():
    # the tape of the test before, with the two inputs of the output the other way round
    tape = [[], [(0, 10.0)], [(1, 3.0)], [(2, 2.0)], [(3, 1.0), (1, 1.0)]]
    agrees(tape_backward, tape, 4, with_=oracle, gives=[70.0, 7.0, 2.0, 1.0, 1.0])


def test_what_the_output_does_not_depend_on_has_gradient_zero():
    tape = [[], [], [(0, 3.0)], [(1, 4.0)], [(2, 5.0)], [(4, 6.0), (3, 6.0)]]
    agrees(tape_backward, tape, 4, with_=oracle, gives=[15.0, 0.0, 5.0, 0.0, 1.0, 0.0])


def test_the_output_may_stand_anywhere_on_the_tape():
    tape = [[], [(0, 3.0)], [(1, 2.0), (0, 1.0)], [(2, 4.0), (1, 5.0)]]
    agrees(tape_backward, tape, 2, with_=oracle, gives=[7.0, 2.0, 1.0, 0.0])
    agrees(tape_backward, tape, 0, with_=oracle, gives=[1.0, 0.0, 0.0, 0.0])


def test_a_tiny_gradient_is_no_zero():
    # on its way the gradient falls to 1e-16 and rises again
    tape = [[], *([(i, 1e4)] for i in range(4)), *([(i, 1e-4)] for i in range(4, 8))]
    agrees(tape_backward, tape, 8, with_=oracle, gives=[1.0, 1e-4, 0.0, 0.0, 0.0, 0.0, 0.0, 1e-4, 1.0])


def test_a_use_with_slope_zero_passes_nothing_on():
    agrees(tape_backward, [[], [(0, 0.0)], [(1, 3.0), (0, 2.0)]], 2, with_=oracle, gives=[2.0, 3.0, 1.0])


@pytest.mark.card("reverse-order-of-the-tape")
def test_a_tape_of_3_000_values_and_10_to_the_626_paths():
    tape = [[], [(0, 1.0)], *([(i - 1, 0.5), (i - 2, 0.5)] for i in range(2, 3000))]
    agrees(tape_backward, tape, 2999, with_=oracle)


def test_a_random_tape(seed):
    draw = random.Random(seed)
    tape = [[(draw.randrange(i), draw.uniform(-2, 2)) for _ in range(draw.randrange(4)) if i] for i in range(40)]
    agrees(tape_backward, tape, 37, with_=oracle)


@given(st.data(), st.integers(1, 9))
def test_any_tape(data, n):
    slopes = st.floats(-4, 4, width=16)
    tape = [data.draw(st.lists(st.tuples(st.integers(0, i - 1), slopes), max_size=3)) if i else [] for i in range(n)]
    agrees(tape_backward, tape, data.draw(st.integers(0, n - 1)), with_=oracle)
