"""A batch of n pairs is n questions with n choices."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch10_retrieval.info_nce import info_nce
from grader.checks import agrees, randn, strided
from reference.ch10_retrieval.info_nce import info_nce as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.card("in-batch-negatives")
def test_two_pairs_by_hand():
    agrees(info_nce, torch.eye(2), torch.eye(2), 1.0, with_=oracle, gives=0.3133)


@pytest.mark.card("info-nce-temperature")
@pytest.mark.parametrize("temperature, gives", [(0.1, 0.0000454), (0.5, 0.1269), (10.0, 0.6444)])
def test_a_small_temperature_makes_the_same_pairs_easy(temperature, gives):
    agrees(info_nce, torch.eye(2), torch.eye(2), temperature, with_=oracle, gives=gives)


@pytest.mark.card("info-nce-by-chance")
def test_vectors_that_are_all_alike_cost_the_logarithm_of_the_batch():
    agrees(info_nce, torch.ones(8, 3), torch.ones(8, 3), 0.05, with_=oracle, gives=2.0794)


@pytest.mark.card("info-nce-by-chance")
def test_a_single_pair_costs_nothing(seed):
    agrees(info_nce, randn(1, 3, seed=seed), randn(1, 3, seed=seed + 1), 0.05, with_=oracle, gives=0.0)


@pytest.mark.card("false-negatives")
def test_a_positive_that_is_in_the_batch_twice_costs_log_2():
    same = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    agrees(info_nce, same, same, 0.01, with_=oracle, gives=0.6931)


@pytest.mark.card("in-batch-negatives")
def test_queries_choose_among_positives_and_not_the_other_way_round():
    queries, positives = torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    agrees(info_nce, queries, positives, 1.0, with_=oracle, gives=0.7201)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_pairs_that_resemble_each_other(dtype, seed):
    queries = randn(6, 40, seed=seed)
    positives = queries + randn(6, 40, seed=seed + 1)
    agrees(info_nce, queries.to(dtype), positives.to(dtype), 3.0, with_=oracle)


@pytest.mark.parametrize("dtypes", [(torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)], ids=str)
def test_positives_in_another_dtype_than_the_queries(dtypes, seed):
    agrees(info_nce, randn(4, 9, seed=seed).to(dtypes[0]), randn(4, 9, seed=seed + 1).to(dtypes[1]), 1.5, with_=oracle)


@pytest.mark.card("info-nce-logsumexp")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_vectors_of_a_hundred_give_logits_of_a_hundred_thousand(dtype, seed):
    queries, positives = 100 * randn(4, 16, seed=seed), 100 * randn(4, 16, seed=seed + 1)
    agrees(info_nce, queries.to(dtype), positives.to(dtype), 0.5 if dtype != torch.float16 else 100.0, with_=oracle)


@pytest.mark.card("info-nce-logsumexp")
def test_a_wrong_choice_at_a_low_temperature_costs_a_hundred():
    queries, positives = torch.eye(2), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    agrees(info_nce, queries, positives, 0.01, with_=oracle, gives=100.0)


@pytest.mark.parametrize(
    "shapes", [((3, 4), (2, 4)), ((2, 4), (3, 4)), ((0, 4), (0, 4)), ((2, 4), (2, 1)), ((2, 1), (2, 4))], ids=str
)
def test_what_makes_no_pairs_is_a_value_error(shapes):
    agrees(info_nce, torch.ones(shapes[0]), torch.ones(shapes[1]), 1.0, with_=oracle)


def test_strides_make_no_difference(seed):
    agrees(info_nce, strided(randn(5, 4, seed=seed)), strided(randn(5, 4, seed=seed + 1)), 0.7, with_=oracle)


@settings(max_examples=12)
@given(st.integers(1, 6), st.integers(1, 5), st.sampled_from([0.02, 0.1, 1.0, 4.0]), st.integers(0, 99))
def test_any_batch(n, d, temperature, seed):
    agrees(info_nce, randn(n, d, seed=seed), randn(n, d, seed=seed + 1), temperature, with_=oracle)
