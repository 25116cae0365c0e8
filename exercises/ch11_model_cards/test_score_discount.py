"""A score without the questions that were seen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch11_model_cards.score_discount import score_discount
from grader.checks import agrees
from reference.ch11_model_cards.score_discount import score_discount as oracle


def marks(right: int, wrong: int) -> list[bool]:
    return [True] * right + [False] * wrong


def test_four_answers_by_hand():
    gives = {"reported": 0.75, "clean": 0.5, "discount": 0.25}
    agrees(score_discount, [True, True, False, True], [True, False, False, True], with_=oracle, gives=gives)


@pytest.mark.card("reported-and-clean")
def test_ninety_per_cent_on_the_seen_fifth_lift_a_score_by_six_points():
    correct, contaminated = marks(18, 2) + marks(48, 32), marks(20, 80)
    gives = {"reported": 0.66, "clean": 0.6, "discount": 0.06}
    agrees(score_discount, correct, contaminated, with_=oracle, gives=gives)


@pytest.mark.card("contaminated-and-inflated")
def test_a_test_that_was_seen_may_score_no_better_for_it():
    gives = {"reported": 0.6, "clean": 0.6, "discount": 0.0}
    agrees(score_discount, marks(30, 20) + marks(30, 20), marks(50, 50), with_=oracle, gives=gives)


@pytest.mark.card("contaminated-and-inflated")
def test_if_the_seen_questions_were_harder_the_discount_is_negative():
    agrees(score_discount, marks(1, 3) + marks(3, 1), marks(4, 4), with_=oracle)


def test_without_contamination_there_is_no_discount():
    agrees(score_discount, marks(3, 4), marks(0, 7), with_=oracle)


def test_no_answer_is_right():
    agrees(score_discount, marks(0, 4), marks(2, 2), with_=oracle)
    agrees(score_discount, marks(2, 3), marks(2, 3), with_=oracle)


@pytest.mark.parametrize("case", [(marks(2, 1), marks(3, 0)), ([], []), (marks(2, 2), marks(1, 2))], ids=str)
def test_what_cannot_be_compared_is_a_value_error(case):
    agrees(score_discount, *case, with_=oracle)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=9))
def test_any_answers(pairs):
    agrees(score_discount, [right for right, _ in pairs], [seen for _, seen in pairs], with_=oracle)
