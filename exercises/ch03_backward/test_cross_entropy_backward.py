"""Softmax minus one-hot, divided by the batch."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch03_backward.cross_entropy_backward import cross_entropy_backward
from grader.checks import agrees, randn, seeded, signal, strided
from reference.ch03_backward.cross_entropy_backward import cross_entropy_backward as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def targets(batch, classes, seed=0):
    return torch.randint(classes, (batch,), generator=seeded(seed))


@pytest.mark.card("cross-entropy-gradient")
def test_two_rows_of_two_classes_by_hand():
    logits = torch.tensor([[0.0, 0.0], [0.0, 1.0986123]])  # ln 3
    gives = [[-0.25, 0.25], [-0.375, 0.375]]
    agrees(cross_entropy_backward, logits, torch.tensor([0, 0]), with_=oracle, gives=gives)


@pytest.mark.card("cross-entropy-gradient")
def test_a_right_and_certain_row_has_no_gradient_and_a_wrong_one_at_most_one():
    logits = torch.tensor([[1000.0, 0.0, 0.0], [1000.0, 0.0, 0.0]])
    gives = [[0.0, 0.0, 0.0], [0.5, -0.5, 0.0]]
    agrees(cross_entropy_backward, logits, torch.tensor([0, 1]), with_=oracle, gives=gives)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["large", "uneven", "huge", "peaked"])
def test_logits_of_every_size(kind, dtype, seed):
    logits = signal(kind, 5, 19, dtype=dtype, seed=seed)
    agrees(cross_entropy_backward, logits, targets(5, 19, seed), with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_as_many_rows_as_classes(dtype, seed):
    agrees(cross_entropy_backward, randn(6, 6, dtype=dtype, seed=seed), targets(6, 6, seed), with_=oracle)


@pytest.mark.card("mean-loss-and-the-batch")
def test_a_row_alone_counts_for_more_than_the_same_row_in_a_batch(seed):
    logits, right = randn(4, 9, seed=seed), targets(4, 9, seed)
    agrees(cross_entropy_backward, logits[:1], right[:1], with_=oracle)
    agrees(cross_entropy_backward, logits, right, with_=oracle)


@pytest.mark.card("targets-from-the-end")
@pytest.mark.parametrize("target", [-1, -2, -5, -100, 5])
def test_a_target_that_is_no_class_is_an_index_error(target, seed):
    agrees(cross_entropy_backward, randn(2, 5, seed=seed), torch.tensor([2, target]), with_=oracle)


def test_strides_and_an_empty_batch_make_no_difference(seed):
    logits, right = randn(3, 7, seed=seed), targets(3, 7, seed)
    agrees(cross_entropy_backward, strided(logits), strided(right), with_=oracle)
    agrees(cross_entropy_backward, logits[:0], right[:0], with_=oracle)


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=8), st.integers(1, 3), st.data())
def test_any_logits_and_targets(scores, batch, data):
    right = data.draw(st.lists(st.integers(0, len(scores) - 1), min_size=batch, max_size=batch))
    agrees(cross_entropy_backward, torch.tensor([scores] * batch), torch.tensor(right), with_=oracle)
