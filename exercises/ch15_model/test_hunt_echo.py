"""A finetuned model learns to write the answers: every token of them, and nothing else."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.hunt_echo import hunt_echo
from grader.checks import agrees, randn, seeded
from reference import tiny
from reference.ch15_model.hunt_echo import hunt_echo as oracle

TABLE = torch.tensor([[1.0, 0.0], [2.0, 2.0], [0.0, 5.0]])
NO_LAYERS = {"model.embed_tokens.weight": TABLE, "model.norm.weight": torch.ones(2)}


def table(seed):
    """A model without layers: it predicts a token from the one before it."""
    return {"model.embed_tokens.weight": randn(5, 2, seed=seed), "model.norm.weight": torch.ones(2)}


def dialogs(seed, *lengths):
    """Dialogs with questions and answers of these lengths."""
    ids = torch.randint(5, (sum(map(sum, lengths)),), generator=seeded(seed)).tolist()
    return [([ids.pop() for _ in range(question)], [ids.pop() for _ in range(answer)]) for question, answer in lengths]


def test_one_question_of_one_token_by_hand():
    # After token 0 the logits are [1.414, 2.828, 0]: -log p of token 1 is ln(4.11 + 16.92 + 1) - 2.828.
    agrees(hunt_echo, [([0], [1])], [0], NO_LAYERS, 1, 1, 1, 0.0, 2, with_=oracle, gives=([0.2641], [1, 2]))


@pytest.mark.card("loss-zero-and-one-word")
def test_the_first_loss_is_that_of_the_tokens_that_follow(seed):
    agrees(hunt_echo, dialogs(seed, (3, 4), (3, 4)), [1], table(seed), 1, 1, 1, 0.01, 0, with_=oracle)


def test_a_few_steps_and_a_text(seed):
    agrees(hunt_echo, dialogs(seed, (2, 3), (4, 2)), [1, 4], table(seed), 1, 1, 3, 0.05, 4, with_=oracle)


def test_rows_of_different_lengths_count_by_their_tokens(seed):
    agrees(hunt_echo, dialogs(seed, (1, 6), (5, 1), (2, 2)), [3], table(seed), 1, 1, 2, 0.02, 2, with_=oracle)


def test_a_model_that_is_one_number_wide():
    weights = {"model.embed_tokens.weight": torch.tensor([[1.0], [-2.0]]), "model.norm.weight": torch.ones(1)}
    agrees(hunt_echo, [([0], [1, 1]), ([1], [0])], [0], weights, 1, 1, 2, 0.1, 1, with_=oracle)


def test_answers_of_one_token_and_a_model_with_a_layer(seed):
    weights = tiny.weights(seed, width=8, layers=1, std=0.3)
    agrees(hunt_echo, dialogs(seed, (3, 1), (1, 1)), [2, 3], weights, 4, 2, 1, 0.02, 1, with_=oracle)


@settings(max_examples=2)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=3), st.integers(0, 99))
def test_any_dialogs(lengths, seed):
    agrees(hunt_echo, dialogs(seed, *lengths), [1], table(seed), 1, 1, 2, 0.02, 2, with_=oracle)
