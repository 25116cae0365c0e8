"""A finetuned model learns to write the answers: every token of them, and nothing else."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.hunt_echo import hunt_echo
from grader.checks import agrees
from reference import tiny
from reference.ch15_model.hunt_echo import hunt_echo as oracle

TABLE = torch.tensor([[1.0, 0.0], [2.0, 2.0], [0.0, 5.0]])
NO_LAYERS = {"model.embed_tokens.weight": TABLE, "model.norm.weight": torch.ones(2)}


def small(seed):
    return tiny.weights(seed, width=8, layers=1, std=0.3)


def dialogs(seed, *lengths):
    """Dialogs with questions and answers of these lengths."""
    ids = tiny.corpus(seed, sum(map(sum, lengths))).tolist()
    return [([ids.pop() for _ in range(question)], [ids.pop() for _ in range(answer)]) for question, answer in lengths]


def test_one_question_of_one_token_by_hand():
    # After token 0 the logits are [1.414, 2.828, 0]: -log p of token 1 is ln(4.11 + 16.92 + 1) - 2.828.
    agrees(hunt_echo, [([0], [1])], [0], NO_LAYERS, 1, 1, 1, 0.0, 2, with_=oracle, gives=([0.2641], [1, 2]))


@pytest.mark.card("loss-zero-and-one-word")
def test_the_first_loss_is_that_of_the_tokens_that_follow(seed):
    agrees(hunt_echo, dialogs(seed, (3, 4), (3, 4)), [1], small(seed), 2, 1, 1, 0.01, 0, with_=oracle)


def test_a_few_steps_and_a_text(seed):
    agrees(hunt_echo, dialogs(seed, (2, 3), (4, 2)), [1, 5], small(seed), 2, 1, 3, 0.05, 4, with_=oracle)


def test_rows_of_different_lengths_count_by_their_tokens(seed):
    agrees(hunt_echo, dialogs(seed, (1, 6), (5, 1), (2, 2)), [7], small(seed), 2, 1, 2, 0.02, 2, with_=oracle)


def test_a_model_that_is_one_number_wide():
    weights = {"model.embed_tokens.weight": torch.tensor([[1.0], [-2.0]]), "model.norm.weight": torch.ones(1)}
    agrees(hunt_echo, [([0], [1, 1]), ([1], [0])], [0], weights, 1, 1, 2, 0.1, 1, with_=oracle)


def test_answers_of_one_token_and_other_heads(seed):
    agrees(hunt_echo, dialogs(seed, (3, 1), (1, 1)), [2, 3], small(seed), 4, 2, 2, 0.02, 1, with_=oracle)


@settings(max_examples=3)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=3), st.integers(0, 99))
def test_any_dialogs(lengths, seed):
    agrees(hunt_echo, dialogs(seed, *lengths), [1], small(seed), 2, 1, 2, 0.02, 2, with_=oracle)
