"""A score depends on the distance only."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch08_block.apply_rope import apply_rope
from grader.checks import agrees, randn, signal, strided
from reference.ch08_block.apply_rope import apply_rope as oracle
from reference.ch08_block.apply_rope import rope_scores as scores_oracle
from reference.ch08_block.rope_angles import rope_angles

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def scores(q, k, angles_q, angles_k):
    return apply_rope(q, angles_q) @ apply_rope(k, angles_k).T


@pytest.mark.card("rope-rotates-q-and-k")
def test_a_quarter_and_half_a_turn_by_hand():
    x, angles = torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([[math.pi / 2, math.pi]])
    agrees(apply_rope, x, angles, with_=oracle, gives=[[-3.0, -2.0, 1.0, -4.0]])


def test_position_zero_is_not_turned(seed):
    agrees(apply_rope, randn(1, 6, seed=seed), torch.zeros(1, 3), with_=oracle)


@pytest.mark.card("rope-score-by-distance")
@pytest.mark.parametrize("shift", [0, 1000])
def test_scores_depend_on_the_distance_alone(shift):
    one = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    queries, keys = rope_angles(2, 2, start=shift + 5), rope_angles(2, 2, start=shift + 3)
    gives = [[math.cos(2), math.cos(1)], [math.cos(3), math.cos(2)]]
    agrees(scores, one, one, queries, keys, with_=scores_oracle, gives=gives)


@pytest.mark.card("rope-score-by-distance")
def test_scores_of_any_vectors_come_from_differences_of_angles(seed):
    q, k = randn(3, 8, seed=seed), randn(4, 8, seed=seed + 1)
    agrees(scores, q, k, rope_angles(3, 8, start=7), rope_angles(4, 8, start=2), with_=scores_oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_heads_of_a_batch_share_the_angles(dtype, seed):
    agrees(apply_rope, randn(2, 3, 5, 8, dtype=dtype, seed=seed), rope_angles(5, 8), with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_positions_far_out(dtype, seed):
    agrees(apply_rope, randn(4, 16, dtype=dtype, seed=seed), rope_angles(4, 16, start=1001), with_=oracle)


@pytest.mark.parametrize("kind", ["large", "tiny", "uneven"])
def test_values_of_every_size(kind, seed):
    agrees(apply_rope, signal(kind, 3, 12, dtype=torch.bfloat16, seed=seed), rope_angles(3, 12, start=2), with_=oracle)


@pytest.mark.parametrize("rows, columns", [(1, 4), (4, 4), (3, 2), (3, 8), (3, 1), (6, 2), (2, 6)])
def test_angles_that_do_not_fit_are_a_value_error(rows, columns, seed):
    agrees(apply_rope, randn(2, 3, 8, seed=seed), randn(rows, columns, seed=seed), with_=oracle)


def test_strides_and_empty_batches_make_no_difference(seed):
    agrees(apply_rope, strided(randn(2, 5, 6, seed=seed)), strided(rope_angles(5, 6, start=1)), with_=oracle)
    agrees(apply_rope, torch.empty(0, 3, 4), rope_angles(3, 4), with_=oracle)


@settings(max_examples=8)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 6), st.integers(0, 5000))
def test_any_shape_and_position(heads, n, pairs, start):
    agrees(apply_rope, randn(heads, n, 2 * pairs, seed=start), rope_angles(n, 2 * pairs, start=start), with_=oracle)
