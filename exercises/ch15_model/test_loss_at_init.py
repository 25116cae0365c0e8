"""The loss of equal probabilities, and the loss of the tokens' frequencies."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exercises.ch15_model.loss_at_init import loss_at_init
from grader.checks import agrees
from reference.ch15_model.loss_at_init import loss_at_init as oracle


@pytest.mark.card("loss-at-init-ln-v", "unigram-loss-is-entropy")
def test_four_tokens_by_hand():
    agrees(loss_at_init, [2, 1, 1, 0], with_=oracle, gives=(1.3863, 1.0397))


@pytest.mark.card("unigram-loss-is-entropy")
def test_tokens_that_occur_equally_often_have_the_entropy_of_an_untrained_model():
    agrees(loss_at_init, [7] * 1024, with_=oracle, gives=(6.9315, 6.9315))


def test_frequencies_fall_as_in_real_text():
    agrees(loss_at_init, [100_000 // rank for rank in range(1, 1001)], with_=oracle)


@pytest.mark.card("loss-at-init-ln-v")
def test_tokens_that_never_occur_belong_to_the_vocabulary():
    agrees(loss_at_init, [0, 5, 0, 3, 0, 0, 1, 0], with_=oracle)


def test_a_text_of_one_token_needs_no_guess():
    agrees(loss_at_init, [0, 9, 0], with_=oracle, gives=(1.0986, 0.0))
    agrees(loss_at_init, [1], with_=oracle, gives=(0.0, 0.0))


def test_counts_of_a_large_text():
    agrees(loss_at_init, [3 * 10**12, 10**12, 5, 0], with_=oracle)


@pytest.mark.parametrize("counts", [[0, 0, 0], [0], []])
def test_a_text_without_tokens_is_a_value_error(counts):
    agrees(loss_at_init, counts, with_=oracle)


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=12))
def test_any_counts(counts):
    assume(any(counts))
    agrees(loss_at_init, counts, with_=oracle)
