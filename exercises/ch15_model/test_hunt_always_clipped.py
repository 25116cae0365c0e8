"""A batch in micro-batches has the loss, the norm and the step that the batch has at once."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.hunt_always_clipped import hunt_always_clipped
from grader.checks import agrees, randn, seeded
from reference import tiny
from reference.ch15_model.hunt_always_clipped import hunt_always_clipped as oracle


def table(seed):
    """A model without layers: it predicts a token from the one before it."""
    return {"model.embed_tokens.weight": randn(4, 2, seed=seed), "model.norm.weight": torch.ones(2)}


def batch(seed, *shapes, vocabulary=4):
    """Micro-batches of these shapes."""
    generator = seeded(seed)
    return [torch.randint(vocabulary, shape, generator=generator) for shape in shapes]


def test_two_micro_batches_of_equal_windows_by_hand():
    # Both tokens have p = 1/2, so the loss is ln 2. All windows have the same gradient: [0.5, -0.5] for the table.
    weights = {"model.embed_tokens.weight": torch.ones(2, 1), "model.norm.weight": torch.ones(1)}
    batches = [[torch.tensor([[0, 1]]), torch.tensor([[0, 1], [0, 1]])]]
    gives = {"loss": [0.6931], "norm": [0.7071], "moved": [0.0]}
    agrees(hunt_always_clipped, batches, weights, 1, 1, 0.0, 1.0, with_=oracle, gives=gives)


@pytest.mark.card("norm-times-micro-batches")
@pytest.mark.parametrize("micro", [1, 2])
def test_the_norm_does_not_grow_with_the_number_of_micro_batches(micro, seed):
    batches = [batch(seed, *[(1, 3)] * micro)]
    agrees(hunt_always_clipped, batches, table(seed), 1, 1, 0.01, 1e3, with_=oracle)


def test_micro_batches_with_different_numbers_of_predictions(seed):
    batches = [batch(seed + i, (2, 3), (1, 4), (1, 2)) for i in range(2)]
    agrees(hunt_always_clipped, batches, table(seed), 1, 1, 0.01, 1e3, with_=oracle)


def test_a_model_with_a_layer(seed):
    weights = tiny.weights(seed, width=8, layers=1, std=0.3)
    agrees(hunt_always_clipped, [batch(seed, (1, 3), (2, 4), vocabulary=32)], weights, 4, 2, 0.01, 1e3, with_=oracle)


@pytest.mark.parametrize("max_norm", [0.1, 3.0])
def test_steps_that_are_clipped(max_norm, seed):
    batches = [batch(seed, (2, 4), (1, 2)), batch(seed + 1, (1, 3), (1, 5))]
    agrees(hunt_always_clipped, batches, table(seed), 1, 1, 0.02, max_norm, with_=oracle)


@settings(max_examples=2)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(2, 5)), min_size=1, max_size=2),
    st.floats(0.1, 9),
    st.integers(0, 99),
)
def test_any_batches(shapes, max_norm, seed):
    batches = [batch(seed, *shapes), batch(seed + 1, (1, 3))]
    agrees(hunt_always_clipped, batches, table(seed), 1, 1, 0.02, max_norm, with_=oracle)
