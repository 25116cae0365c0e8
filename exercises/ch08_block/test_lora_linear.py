"""A frozen weight with an adapter."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch08_block.lora_linear import lora_gradients, lora_linear
from grader.checks import agrees, randn, signal, strided
from reference.ch08_block.lora_linear import lora_gradients as gradients_oracle
from reference.ch08_block.lora_linear import lora_linear as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
X, W, A, B = ([[1.0, 2.0]], [[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]], [[0.0], [2.0]])


def parts(tokens, d_in, d_out, r, seed, dtype=torch.float32):
    shapes = [(tokens, d_in), (d_out, d_in), (r, d_in), (d_out, r)]
    return [(randn(*s, seed=seed + i) / (s[1] ** 0.5 if i else 1)).to(dtype) for i, s in enumerate(shapes)]


@pytest.mark.card("lora-formula")
def test_rank_one_by_hand():
    agrees(lora_linear, *map(torch.tensor, (X, W, A, B)), 3.0, with_=oracle, gives=[[1.0, 20.0]])


@pytest.mark.card("lora-starts-as-the-base")
def test_with_b_zero_nothing_is_added(seed):
    x, w, a, b = parts(3, 1, 5, 2, seed)
    agrees(lora_linear, x, w, a, torch.zeros_like(b), 16.0, with_=oracle)


@pytest.mark.card("lora-formula")
@pytest.mark.parametrize("r, alpha", [(1, 4.0), (4, 10.0), (8, 2.0)])
def test_alpha_is_divided_by_the_rank(r, alpha, seed):
    agrees(lora_linear, *parts(3, 6, 5, r, seed), alpha, with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["ordinary", "large", "uneven"])
def test_tokens_of_every_size(kind, dtype, seed):
    _, w, a, b = parts(1, 16, 8, 4, seed, dtype)
    agrees(lora_linear, signal(kind, 4, 16, dtype=dtype, seed=seed), w, a, b, 8.0, with_=oracle)


def test_the_result_has_the_dtype_of_x_whatever_the_weights_have(seed):
    wide, low = parts(3, 16, 8, 4, seed), parts(3, 16, 8, 4, seed, torch.bfloat16)
    agrees(lora_linear, *low, 8.0, with_=oracle)
    agrees(lora_linear, low[0], *wide[1:], 8.0, with_=oracle)
    agrees(lora_linear, wide[0], *low[1:], 8.0, with_=oracle)


def test_strides_and_no_tokens_make_no_difference(seed):
    x, w, a, b = map(strided, parts(3, 4, 5, 2, seed))
    agrees(lora_linear, x, w, a, b, 4.0, with_=oracle)
    agrees(lora_linear, x[:0], w, a, b, 4.0, with_=oracle)


@settings(max_examples=6)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.floats(0.5, 64, width=32))
def test_any_shape(tokens, d_in, d_out, r, alpha):
    agrees(lora_linear, *parts(tokens, d_in, d_out, r, 0), alpha, with_=oracle)


def test_gradients_of_rank_one_by_hand():
    x, _, a, b = map(torch.tensor, (X, W, A, B))
    gives = [[[6.0, 12.0]], [[9.0], [9.0]]]
    agrees(lora_gradients, x, a, b, 3.0, torch.tensor([[1.0, 1.0]]), with_=gradients_oracle, gives=gives)


@pytest.mark.card("lora-one-of-two-is-zero")
def test_with_b_zero_the_gradient_of_b_is_not():
    x, _, a, _ = map(torch.tensor, (X, W, A, B))
    gives = [[[0.0, 0.0]], [[9.0], [9.0]]]
    agrees(lora_gradients, x, a, torch.zeros(2, 1), 3.0, torch.ones(1, 2), with_=gradients_oracle, gives=gives)


@pytest.mark.card("lora-one-of-two-is-zero")
def test_with_a_and_b_zero_no_gradient_is_left():
    gives = [[[0.0, 0.0]], [[0.0], [0.0]]]
    zeros = torch.zeros(1, 2), torch.zeros(2, 1)
    agrees(lora_gradients, torch.tensor(X), *zeros, 3.0, torch.ones(1, 2), with_=gradients_oracle, gives=gives)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_gradients_sum_over_the_tokens(dtype, seed):
    x, _, a, b = parts(40, 6, 5, 3, seed, dtype)
    agrees(lora_gradients, x, a, b, 12.0, randn(40, 5, dtype=dtype, seed=seed + 9), with_=gradients_oracle)


def test_gradients_have_the_dtype_of_x_whatever_the_others_have(seed):
    (x, _, *ab), (low, _, *low_ab) = parts(20, 6, 5, 3, seed), parts(20, 6, 5, 3, seed, torch.bfloat16)
    dy = randn(20, 5, seed=seed + 9)
    agrees(lora_gradients, low, *low_ab, 12.0, dy.bfloat16(), with_=gradients_oracle)
    agrees(lora_gradients, low, *ab, 12.0, dy, with_=gradients_oracle)
    agrees(lora_gradients, x, *low_ab, 12.0, dy.half(), with_=gradients_oracle)
