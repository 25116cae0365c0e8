"""Columns by jvps, rows by vjps."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch03_backward.jacobian_passes import jacobian_passes
from grader.checks import agrees, randn, strided
from reference.ch03_backward.jacobian_passes import jacobian_passes as oracle

MODES = ["jvp", "vjp"]


def network(*widths, dtype=torch.float32, seed=0):
    shapes = zip(widths[1:], widths[:-1], strict=True)
    weights = [(randn(o, i, seed=seed + n) / i**0.5).to(dtype) for n, (o, i) in enumerate(shapes)]
    return weights, randn(widths[0], dtype=dtype, seed=seed + 100)


@pytest.mark.card("jvps-and-vjps")
@pytest.mark.parametrize("mode, gives", [("jvp", [[1.0], [2.0]]), ("vjp", [[1.0, 2.0]])])
def test_two_inputs_and_one_output_by_hand(mode, gives):
    agrees(jacobian_passes, [torch.tensor([[1.0, 2.0]])], torch.zeros(2), mode, with_=oracle, gives=gives)


@pytest.mark.parametrize("mode, gives", [("jvp", [[1.0, 3.0], [2.0, 7.0]]), ("vjp", [[1.0, 2.0], [3.0, 7.0]])])
def test_two_square_layers_by_hand(mode, gives):
    weights = [torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [3.0, 1.0]])]
    agrees(jacobian_passes, weights, torch.zeros(2), mode, with_=oracle, gives=gives)


@pytest.mark.parametrize("mode", MODES)
def test_the_slope_of_tanh_by_hand(mode):
    # tanh(0.5493) = 0.5, so the slopes are 1 − 0.25 and 1 − 0.6² with a weight of 1.3863 = atanh(0.6) / 0.5 between
    weights = [torch.tensor([[1.0]]), torch.tensor([[1.3862944]])]
    agrees(jacobian_passes, weights, torch.tensor([0.5493061]), mode, with_=oracle, gives=[[0.75 * 1.3862944 * 0.64]])


@pytest.mark.card("reverse-mode-one-pass")
@pytest.mark.parametrize("mode", MODES)
def test_a_loss_of_40_inputs_takes_one_vjp_or_40_jvps(mode, seed):
    agrees(jacobian_passes, *network(40, 8, 1, seed=seed), mode, with_=oracle)


@pytest.mark.card("jvps-and-vjps")
@pytest.mark.parametrize("mode", MODES)
def test_one_input_and_many_outputs_are_the_other_way_round(mode, seed):
    agrees(jacobian_passes, *network(1, 6, 12, seed=seed), mode, with_=oracle)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_square_layers_hide_no_transpose(mode, dtype, seed):
    agrees(jacobian_passes, *network(5, 5, 5, 5, dtype=dtype, seed=seed), mode, with_=oracle)


@pytest.mark.parametrize(
    "x_dtype, others", [(torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)], ids=["narrow x", "wide x"]
)
def test_the_results_have_the_dtype_of_x(x_dtype, others, seed):
    weights, x = network(4, 3, 2, seed=seed)
    agrees(jacobian_passes, [w.to(others) for w in weights], x.to(x_dtype), "vjp", with_=oracle)


@pytest.mark.parametrize("mode", MODES)
def test_layers_that_are_saturated_pass_little_on(mode, seed):
    weights, x = network(4, 5, 3, seed=seed)
    agrees(jacobian_passes, [8 * w for w in weights], x, mode, with_=oracle)


@pytest.mark.parametrize("mode", ["forward", "VJP", ""])
def test_another_mode_is_a_value_error(mode, seed):
    agrees(jacobian_passes, *network(2, 2, seed=seed), mode, with_=oracle)


@pytest.mark.parametrize("mode", MODES)
def test_strides_make_no_difference(mode, seed):
    weights, x = network(3, 4, 2, seed=seed)
    agrees(jacobian_passes, [strided(w) for w in weights], strided(x), mode, with_=oracle)


@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.sampled_from(MODES), st.integers(0, 2**16))
def test_any_widths(widths, mode, seed):
    agrees(jacobian_passes, *network(*widths, seed=seed), mode, with_=oracle)
