"""Gate, up, down."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch08_block.swiglu import swiglu
from grader.checks import agrees, randn, signal, strided
from reference.ch08_block.swiglu import swiglu as oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def weights(d, ffn, seed, dtype=torch.float32):
    shapes = [(ffn, d), (ffn, d), (d, ffn)]
    return [(randn(*s, seed=seed + i) / s[1] ** 0.5).to(dtype) for i, s in enumerate(shapes, start=1)]


@pytest.mark.card("swiglu-formula", "swiglu-three-matrices")
def test_two_hidden_units_by_hand():
    x, gate = torch.tensor([1.0, 2.0]), torch.eye(2)
    up, down = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    agrees(swiglu, x, gate, up, down, with_=oracle, gives=[3.2237, 1.7616])


@pytest.mark.card("swiglu-three-matrices")
def test_gate_and_up_are_not_exchangeable():
    x, gate, up, down = torch.tensor([[3.0]]), torch.tensor([[-1.0]]), torch.tensor([[1.0]]), torch.tensor([[1.0]])
    agrees(swiglu, x, gate, up, down, with_=oracle, gives=[[-0.4268]])
    agrees(swiglu, x, up, gate, down, with_=oracle, gives=[[-8.5732]])


@pytest.mark.card("no-bias-sends-zero-to-zero")
def test_without_biases_zero_goes_to_zero(seed):
    agrees(swiglu, torch.zeros(2, 3), *weights(3, 5, seed), with_=oracle, gives=[[0.0, 0.0, 0.0]] * 2)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tokens_of_a_batch(dtype, seed):
    agrees(swiglu, randn(2, 3, 6, dtype=dtype, seed=seed), *weights(6, 16, seed, dtype), with_=oracle)


def test_the_result_has_the_dtype_of_x_whatever_the_weights_have(seed):
    x, ws = randn(2, 1, 6, seed=seed), weights(6, 16, seed)
    low = [w.bfloat16() for w in ws]
    agrees(swiglu, x.bfloat16(), *low, with_=oracle)
    agrees(swiglu, x.bfloat16(), *ws, with_=oracle)
    agrees(swiglu, x, low[0], low[1].half(), low[2], with_=oracle)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["large", "tiny", "uneven"])
def test_values_of_every_size(kind, dtype, seed):
    agrees(swiglu, signal(kind, 4, 8, dtype=dtype, seed=seed), *weights(8, 21, seed, dtype), with_=oracle)


def test_gates_far_from_zero_are_shut_or_open():
    x, gate = torch.tensor([[1000.0], [-1000.0], [100.0], [-100.0]]), torch.tensor([[1.0]])
    up, down = torch.tensor([[0.01]]), torch.tensor([[1.0]])
    agrees(swiglu, x, gate, up, down, with_=oracle, gives=[[10000.0], [0.0], [100.0], [0.0]])


def test_hidden_numbers_beyond_fp16_come_back_into_range():
    x, gate, up, down = (
        torch.full(s, v).half() for s, v in [((1, 2), 150.0), ((3, 2), 1.0), ((3, 2), 1.0), ((2, 3), 0.01)]
    )
    agrees(swiglu, x, gate, up, down, with_=oracle)


def test_strides_and_empty_batches_make_no_difference(seed):
    agrees(swiglu, strided(randn(3, 2, 4, seed=seed)), *map(strided, weights(4, 5, seed)), with_=oracle)
    agrees(swiglu, torch.empty(0, 4), *weights(4, 5, seed), with_=oracle)


@settings(max_examples=8)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 9), st.integers(0, 99))
def test_any_shape(tokens, d, ffn, seed):
    agrees(swiglu, randn(tokens, d, seed=seed), *weights(d, ffn, seed), with_=oracle)
