"""−log p of the right class, for logits of every size."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch04_optimization.cross_entropy import cross_entropy
from grader.checks import agrees, randn, seeded, signal, strided
from reference.ch04_optimization.cross_entropy import cross_entropy as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def drawn(n, classes, seed):
    return torch.randint(classes, (n,), generator=seeded(seed))


@pytest.mark.card("nll-sign")
def test_two_rows_by_hand():
    # log(e + e² + e³) is 3.4076, so the rows lose 3.4076 − 3 and 3.4076 − 1
    logits = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    agrees(cross_entropy, logits, torch.tensor([2, 0]), with_=oracle, gives=1.4076)


@pytest.mark.card("nll-sign")
def test_a_class_that_is_certain_loses_nothing():
    agrees(cross_entropy, torch.tensor([[0.0, -torch.inf]]), torch.tensor([0]), with_=oracle, gives=0.0)


def test_a_target_that_cannot_be_loses_infinity():
    logits = torch.tensor([[0.0, -torch.inf], [1.0, 2.0]])
    agrees(cross_entropy, logits, torch.tensor([1, 0]), with_=oracle, gives=torch.inf)


@pytest.mark.card("loss-at-the-start")
def test_equal_logits_lose_the_log_of_the_number_of_classes():
    agrees(cross_entropy, torch.zeros(2, 50), torch.tensor([7, 49]), with_=oracle, gives=3.9120)


@pytest.mark.card("loss-from-logits")
def test_a_probability_too_small_for_a_float_loses_200():
    agrees(cross_entropy, torch.tensor([[0.0, -200.0]]), torch.tensor([1]), with_=oracle, gives=200.0)


@pytest.mark.card("loss-from-logits")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_sure_and_wrong_model_loses_the_distance_of_its_logits(dtype):
    logits = torch.tensor([[1e4, 0.0, -1e4], [200.0, 0.0, 100.0]]).to(dtype)
    agrees(cross_entropy, logits, torch.tensor([1, 1]), with_=oracle)


@pytest.mark.card("loss-from-logits")
@pytest.mark.parametrize("kind", ["ordinary", "large", "huge", "tiny", "offset", "uneven"])
def test_logits_of_every_size(kind, seed):
    agrees(cross_entropy, signal(kind, 5, 37, seed=seed), drawn(5, 37, seed), with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_many_rows_are_averaged_in_float32(dtype, seed):
    agrees(cross_entropy, (20 + 3 * randn(600, 5, seed=seed)).to(dtype), drawn(600, 5, seed), with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_many_classes_are_summed_in_float32(dtype, seed):
    agrees(cross_entropy, randn(2, 800, dtype=dtype, seed=seed), drawn(2, 800, seed), with_=oracle)


@pytest.mark.parametrize("target", [3, -1, -2, -100])
def test_a_target_that_is_no_class_is_an_index_error(target):
    agrees(cross_entropy, randn(2, 3), torch.tensor([0, target]), with_=oracle)


def test_strides_and_an_empty_batch(seed):
    agrees(cross_entropy, strided(randn(4, 6, seed=seed)), drawn(4, 6, seed), with_=oracle)
    agrees(cross_entropy, torch.empty(0, 6), torch.empty(0, dtype=torch.long), with_=oracle)


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=8), st.data())
def test_any_finite_logits_have_a_finite_loss(row, data):
    target = data.draw(st.integers(0, len(row) - 1))
    agrees(cross_entropy, torch.tensor([row]), torch.tensor([target]), with_=oracle)
