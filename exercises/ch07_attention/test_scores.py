"""Every query meets every key."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch07_attention.scores import scores
from grader.checks import agrees, randn, signal, strided
from reference.ch07_attention.scores import scores as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.card("scores-einsum")
def test_two_queries_and_a_key_by_hand():
    q, k = torch.tensor([[[[1.0, 2.0], [0.0, 1.0]]]]), torch.tensor([[[[3.0, 4.0]]]])
    agrees(scores, q, k, with_=oracle, gives=[[[[7.7782], [2.8284]]]])


def test_a_product_beyond_fp16_comes_back_into_range():
    q = torch.full((1, 1, 1, 4), 180.0).half()
    agrees(scores, q, q.clone(), with_=oracle, gives=[[[[64800.0]]]])  # 4 · 180² = 129,600, over √4


@pytest.mark.card("scores-einsum")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_more_keys_than_queries_and_several_heads(dtype, seed):
    q, k = randn(2, 3, 5, 16, dtype=dtype, seed=seed), randn(2, 3, 7, 16, dtype=dtype, seed=seed + 1)
    agrees(scores, q, k, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_long_head_is_summed_in_float32(dtype, seed):
    q, k = randn(1, 2, 4, 512, dtype=dtype, seed=seed), randn(1, 2, 3, 512, dtype=dtype, seed=seed + 1)
    agrees(scores, q, k, with_=oracle)


def test_the_result_has_the_dtype_of_q_whatever_k_has(seed):
    q, k = randn(1, 2, 5, 48, seed=seed), randn(1, 2, 7, 48, seed=seed + 1)
    agrees(scores, q.bfloat16(), k.bfloat16(), with_=oracle)
    agrees(scores, q.bfloat16(), k, with_=oracle)
    agrees(scores, q, k.bfloat16(), with_=oracle)


@pytest.mark.parametrize("kind", ["tiny", "large", "offset", "uneven"])
def test_values_of_every_size(kind, seed):
    agrees(scores, signal(kind, 1, 2, 6, 32, seed=seed), randn(1, 2, 5, 32, seed=seed + 1), with_=oracle)


@pytest.mark.card("einsum-broadcasts")
@pytest.mark.parametrize(
    "shapes",
    [
        ((1, 4, 1, 2), (1, 1, 1, 2)),
        ((2, 1, 1, 2), (1, 1, 1, 2)),
        ((1, 1, 1, 2), (1, 1, 1, 1)),
        ((1, 4, 1, 2), (1, 2, 1, 2)),
    ],
    ids=["heads 4 and 1", "batch 2 and 1", "width 2 and 1", "heads 4 and 2"],
)
def test_shapes_that_differ_are_a_value_error(shapes, seed):
    agrees(scores, randn(*shapes[0], seed=seed), randn(*shapes[1], seed=seed), with_=oracle)


def test_strides_and_no_queries_make_no_difference(seed):
    q, k = randn(2, 2, 3, 8, seed=seed), randn(2, 2, 5, 8, seed=seed + 1)
    agrees(scores, strided(q), strided(k), with_=oracle)
    agrees(scores, q[:, :, :0], k, with_=oracle)


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), st.integers(1, 24))
def test_any_shape(b, h, n_q, n_k, d):
    agrees(scores, randn(b, h, n_q, d), randn(b, h, n_k, d, seed=1), with_=oracle)
