"""The same gradients, with fewer activations held and every layer run twice."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch03_backward.checkpointed_grads import checkpointed_grads
from grader.checks import agrees, randn, signal, strided
from reference.ch03_backward.checkpointed_grads import checkpointed_grads as oracle


def stack(layers, d=5, dtype=torch.float32, seed=0):
    weights = 1 + 0.3 * randn(layers, d, seed=seed)
    return weights.to(dtype), randn(d, dtype=dtype, seed=seed + 1), randn(d, dtype=dtype, seed=seed + 2)


def test_four_layers_in_segments_of_two_by_hand():
    # every h is 0, so all slopes are 1, the weights' gradients 0, and dx is 10 · 2 · 3 · 1 · 5
    weights, x, dy = torch.tensor([[2.0], [3.0], [1.0], [5.0]]), torch.tensor([0.0]), torch.tensor([10.0])
    gives = {"dx": [300.0], "dweights": [[0.0]] * 4, "peak": 4, "recomputed": 4}
    agrees(checkpointed_grads, weights, x, dy, 2, with_=oracle, gives=gives)


def test_the_slope_and_the_input_of_a_layer_by_hand():
    # h: 0.25 and tanh(2 · 0.25) = 0.4621
    weights, x, dy = torch.tensor([[2.0]]), torch.tensor([0.25]), torch.tensor([1.0])
    gives = {"dx": [1.5729], "dweights": [[0.1966]], "peak": 2, "recomputed": 1}
    agrees(checkpointed_grads, weights, x, dy, 1, with_=oracle, gives=gives)


@pytest.mark.card("checkpoints-are-kept")
def test_four_layers_in_segments_of_two(seed):
    agrees(checkpointed_grads, *stack(4, seed=seed), 2, with_=oracle)


@pytest.mark.card("checkpoints-are-kept", "checkpoint-every-root")
@pytest.mark.parametrize("every", [1, 4, 16, 100])
def test_sixteen_layers_in_segments_of_every_length(every, seed):
    agrees(checkpointed_grads, *stack(16, d=3, seed=seed), every, with_=oracle)


@pytest.mark.parametrize("layers, every", [(5, 4), (7, 3)])
def test_the_last_segment_may_be_shorter(layers, every, seed):
    agrees(checkpointed_grads, *stack(layers, seed=seed), every, with_=oracle)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_a_deep_stack_is_computed_in_float32(dtype, seed):
    agrees(checkpointed_grads, *stack(12, d=9, dtype=dtype, seed=seed), 5, with_=oracle)


@pytest.mark.parametrize(
    "x_dtype, w_dtype", [(torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)], ids=["narrow x", "wide x"]
)
def test_both_gradients_have_the_dtype_of_x(x_dtype, w_dtype, seed):
    weights, x, dy = stack(5, seed=seed)
    agrees(checkpointed_grads, weights.to(w_dtype), x.to(x_dtype), dy.half(), 2, with_=oracle)


@pytest.mark.parametrize("kind", ["tiny", "large", "zeros"])
def test_inputs_of_every_size(kind, seed):
    weights, _, dy = stack(6, d=8, seed=seed)
    agrees(checkpointed_grads, weights, signal(kind, 8, seed=seed), dy, 2, with_=oracle)


@pytest.mark.parametrize("every", [0, -2])
def test_segments_without_layers_are_a_value_error(every, seed):
    agrees(checkpointed_grads, *stack(3, seed=seed), every, with_=oracle)


def test_strides_make_no_difference(seed):
    agrees(checkpointed_grads, *map(strided, stack(5, seed=seed)), 2, with_=oracle)


@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 2**16))
def test_any_depth_and_segment(layers, every, seed):
    agrees(checkpointed_grads, *stack(layers, d=2, seed=seed), every, with_=oracle)
