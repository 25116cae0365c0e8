"""Queries look where the original looks."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch08_block.hunt_blurred_attention import hunt_blurred_attention
from grader.checks import agrees, randn
from reference.ch08_block.hunt_blurred_attention import hunt_blurred_attention as oracle


def weights(d, heads, kv_heads, width, seed):
    """Matrices of a size that gives scores of several units."""
    shapes = {
        "q_proj": (heads * width, d),
        "k_proj": (kv_heads * width, d),
        "v_proj": (kv_heads * width, d),
        "o_proj": (d, heads * width),
    }
    return {name: 1.5 * randn(*s, seed=seed + i) / s[1] ** 0.5 for i, (name, s) in enumerate(shapes.items(), start=1)}


def test_one_head_by_hand():
    w = {name: torch.eye(2) for name in ("q_proj", "k_proj", "v_proj", "o_proj")}
    gives = [[[[1.0, 0.0], [0.2138, 0.7862]]], [[[0.0, 0.5190]]]]
    agrees(hunt_blurred_attention, torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]), w, 1, 1, with_=oracle, gives=gives)


@pytest.mark.card("attention-entropy-shows-the-scale")
def test_two_heads_by_hand():
    # each of the two heads has width 2, and gets what the single head of the test above gets
    w = {name: torch.eye(4) for name in ("q_proj", "k_proj", "v_proj", "o_proj")}
    x = torch.tensor([[[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]])
    gives = [[[[1.0, 0.0, 1.0, 0.0], [0.2138, 0.7862, 0.2138, 0.7862]]], [[[0.0, 0.5190], [0.0, 0.5190]]]]
    agrees(hunt_blurred_attention, x, w, 2, 2, with_=oracle, gives=gives)


@pytest.mark.card("attention-entropy-shows-the-scale")
@pytest.mark.parametrize(("heads", "kv_heads"), [(1, 1), (2, 1), (3, 3), (4, 2), (6, 2)])
def test_any_number_of_heads(heads, kv_heads, seed):
    w = weights(6, heads, kv_heads, 4, seed)
    agrees(hunt_blurred_attention, randn(2, 4, 6, seed=seed), w, heads, kv_heads, with_=oracle)


def test_heads_as_wide_as_the_model_by_heads(seed):
    agrees(hunt_blurred_attention, randn(2, 4, 8, seed=seed), weights(8, 4, 2, 2, seed), 4, 2, with_=oracle)


def test_a_sharp_query_has_no_entropy(seed):
    agrees(hunt_blurred_attention, 10 * randn(1, 5, 8, seed=seed), weights(8, 2, 2, 4, seed), 2, 2, with_=oracle)


@pytest.mark.parametrize(("b", "n"), [(1, 1), (0, 3)])
def test_a_single_token_and_no_text(b, n, seed):
    agrees(hunt_blurred_attention, randn(b, n, 4, seed=seed), weights(4, 2, 1, 2, seed), 2, 1, with_=oracle)


@settings(max_examples=4)
@given(
    st.integers(1, 2), st.integers(1, 4), st.integers(1, 2), st.integers(1, 3), st.integers(1, 7), st.integers(0, 99)
)
def test_any_shape(b, n, kv_heads, group, d, seed):
    heads = kv_heads * group
    w = weights(d, heads, kv_heads, 2, seed)
    agrees(hunt_blurred_attention, randn(b, n, d, seed=seed), w, heads, kv_heads, with_=oracle)
