"""n tokens give n - 1 predictions."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch08_block.next_token_loss import next_token_loss
from grader.checks import agrees, randn, seeded, signal, strided
from reference.ch08_block.next_token_loss import next_token_loss as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def tokens(b, n, vocabulary, seed):
    return torch.randint(vocabulary, (b, n), generator=seeded(seed))


@pytest.mark.card("next-token-shift")
def test_three_tokens_by_hand():
    logits = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [5.0, 5.0]]])
    agrees(next_token_loss, logits, torch.tensor([[0, 1, 0]]), with_=oracle, gives=0.5032)


@pytest.mark.card("next-token-shift")
def test_a_position_that_knows_its_own_token_has_not_predicted_anything():
    logits = 3 * torch.eye(3).unsqueeze(0)
    agrees(next_token_loss, logits, torch.tensor([[0, 1, 2]]), with_=oracle, gives=3.0949)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_batch(dtype, seed):
    agrees(next_token_loss, 3 * randn(2, 5, 7, dtype=dtype, seed=seed), tokens(2, 5, 7, seed), with_=oracle)


@pytest.mark.card("ignored-labels")
def test_ignored_targets_do_not_count(seed):
    labels = tokens(3, 6, 5, seed)
    labels[0, :4] = labels[1, 5] = labels[2, 2] = -100
    agrees(next_token_loss, 2 * randn(3, 6, 5, seed=seed), labels, with_=oracle)


def test_another_label_may_be_the_one_to_ignore(seed):
    labels = torch.tensor([[1, 0, 2, 3, 0, 1], [0, 0, 1, 2, 0, 0]])
    agrees(next_token_loss, 2 * randn(2, 6, 4, seed=seed), labels, ignore=0, with_=oracle)


@pytest.mark.parametrize("labels", [[[1, -100, -100]], [[2]]])
def test_nothing_to_predict_costs_nothing(labels, seed):
    labels = torch.tensor(labels)
    agrees(next_token_loss, randn(1, labels.shape[1], 4, seed=seed), labels, with_=oracle, gives=0.0)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["large", "offset", "peaked"])
def test_logits_of_every_size(kind, dtype, seed):
    agrees(next_token_loss, signal(kind, 2, 4, 9, dtype=dtype, seed=seed), tokens(2, 4, 9, seed), with_=oracle)


def test_a_vocabulary_of_one_costs_nothing():
    labels = torch.tensor([[0, -100, 0]])
    agrees(next_token_loss, torch.tensor([[[3.0], [4.0], [5.0]]]), labels, with_=oracle, gives=0.0)


def test_strides_make_no_difference(seed):
    agrees(next_token_loss, strided(randn(2, 4, 6, seed=seed)), strided(tokens(2, 4, 6, seed)), with_=oracle)


@settings(max_examples=6)
@given(st.integers(1, 3), st.integers(2, 5), st.integers(1, 6), st.integers(0, 99))
def test_any_batch(b, n, vocabulary, seed):
    labels = tokens(b, n, vocabulary, seed)
    labels[tokens(b, n, 4, seed + 1) == 0] = -100
    agrees(next_token_loss, 3 * randn(b, n, vocabulary, seed=seed), labels, with_=oracle)
