"""From x to the output: six products and a softmax."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch07_attention.multi_head_attention import multi_head_attention
from grader.checks import agrees, randn, signal, strided
from reference.ch07_attention.multi_head_attention import multi_head_attention as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def weights(d_model, inner, seed, dtype=torch.float32):
    """w_q, w_k, w_v and w_o, of a size that keeps the scores of ordinary tokens around 1."""
    shapes = [(inner, d_model)] * 3 + [(d_model, inner)]
    return [(randn(*s, seed=seed + i) / s[1] ** 0.5).to(dtype) for i, s in enumerate(shapes, start=1)]


@pytest.mark.card("six-products")
def test_two_tokens_and_two_heads_by_hand():
    x, one = torch.eye(2).unsqueeze(0), torch.eye(2)
    w_o = torch.tensor([[1.0, 1.0], [0.0, 2.0]])
    gives = [[[1.2311, 1.0], [1.2311, 1.4621]]]
    agrees(multi_head_attention, x, one, one, one, w_o, heads=2, with_=oracle, gives=gives)


@pytest.mark.card("six-products")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_head_attends_by_itself(dtype, seed):
    x, ws = randn(2, 3, 8, dtype=dtype, seed=seed), weights(8, 8, seed, dtype)
    agrees(multi_head_attention, x, *ws, heads=2, with_=oracle)


@pytest.mark.card("head-width-is-a-choice")
@pytest.mark.parametrize("d_model, inner", [(3, 4), (4, 2)])
def test_heads_may_be_wider_or_narrower_than_d_model_by_heads(d_model, inner, seed):
    agrees(
        multi_head_attention,
        randn(1, 3, d_model, seed=seed),
        *weights(d_model, inner, seed),
        heads=2,
        with_=oracle,
    )


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_causal_hides_the_tokens_to_come(dtype, seed):
    x, ws = randn(2, 5, 8, dtype=dtype, seed=seed), weights(8, 8, seed, dtype)
    agrees(multi_head_attention, x, *ws, heads=4, causal=True, with_=oracle)


def test_a_visible_score_may_be_lower_than_any_stand_in_for_minus_infinity():
    x, ws = torch.tensor([[[1.0], [0.0]]]), [torch.tensor([[w]]) for w in (6e4, -5e4, 1.0, 1.0)]
    agrees(multi_head_attention, x, *ws, heads=1, causal=True, with_=oracle, gives=[[[1.0], [0.5]]])


def test_the_result_has_the_dtype_of_x_whatever_the_weights_have(seed):
    x, ws = randn(1, 3, 8, seed=seed), weights(8, 8, seed)
    low = [w.bfloat16() for w in ws]
    agrees(multi_head_attention, x.bfloat16(), *low, heads=2, with_=oracle)
    agrees(multi_head_attention, x.bfloat16(), *ws, heads=2, with_=oracle)
    agrees(multi_head_attention, x, *low[:2], low[2].half(), low[3], heads=2, with_=oracle)


def test_tokens_far_apart_in_size_do_not_overflow(seed):
    agrees(multi_head_attention, signal("large", 1, 4, 8, seed=seed), *weights(8, 8, seed), heads=2, with_=oracle)


def test_values_beyond_fp16_come_back_into_range(seed):
    x, (w_q, w_k, w_v, w_o) = randn(1, 3, 4, dtype=torch.float16, seed=seed), weights(4, 4, seed)
    ws = w_q.half(), w_k.half(), (6e4 * w_v).clamp(-6e4, 6e4).half(), (1e-3 * w_o).half()
    agrees(multi_head_attention, x, *ws, heads=2, with_=oracle)


def test_one_token_and_one_head_are_no_special_cases(seed):
    agrees(multi_head_attention, randn(2, 1, 8, seed=seed), *weights(8, 8, seed), heads=4, with_=oracle)
    agrees(multi_head_attention, randn(2, 3, 8, seed=seed), *weights(8, 8, seed), heads=1, with_=oracle)


@pytest.mark.parametrize("heads", [3, 5, 16])
def test_heads_that_do_not_divide_are_a_value_error(heads, seed):
    agrees(multi_head_attention, randn(1, 2, 1, seed=seed), *weights(1, 4, seed), heads=heads, with_=oracle)


def test_strides_make_no_difference(seed):
    x, ws = strided(randn(2, 3, 8, seed=seed)), [strided(w) for w in weights(8, 4, seed)]
    agrees(multi_head_attention, x, *ws, heads=2, causal=True, with_=oracle)


@settings(max_examples=10)
@given(
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(4, 8),
    st.integers(1, 4),
    st.integers(1, 4),
    st.booleans(),
)
def test_any_shape(b, n, d_model, heads, width, causal):
    ws = weights(d_model, heads * width, 0)
    agrees(multi_head_attention, randn(b, n, d_model), *ws, heads=heads, causal=causal, with_=oracle)
