"""The oracles of chapter 2 against torch's layers, activations, initialisers and autograd.

Nothing here comes from the workbook but the oracles. Counts and masks must be equal; floats are compared in float64,
within the roundings that the two ways of computing can make.
"""

import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference.ch02_forward.collapse_linears import collapse_linears
from reference.ch02_forward.dead_units import dead_units
from reference.ch02_forward.gelu import gelu
from reference.ch02_forward.linear import linear
from reference.ch02_forward.linear_params import linear_params
from reference.ch02_forward.residual_stack import residual_stack
from reference.ch02_forward.xavier_std import signal_by_depth, xavier_std

EPS = torch.finfo(torch.float64).eps


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def within(actual: Tensor, expected: Tensor, roundings: float, size: Tensor | float = 1.0) -> bool:
    """Whether two float64 tensors differ by no more than so many roundings of a number of this size."""
    assert actual.dtype == expected.dtype == torch.float64 and actual.shape == expected.shape
    return bool(((actual - expected).abs() <= torch.as_tensor(roundings * EPS * size)).all())


def mlp(widths: list[int], *, bias: bool = True, seed: int = 0) -> nn.Sequential:
    """Linear layers in a row, as torch makes them."""
    torch.manual_seed(seed)
    return nn.Sequential(*(nn.Linear(a, b, bias, dtype=torch.float64) for a, b in pairwise(widths)))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(), (3,), (2, 3), (2, 1, 3), (0,)], ids=str)
def test_linear_is_torchs(batch, bias):
    x, w, b = randn(*batch, 33), randn(7, 33, seed=1), randn(7, seed=2) if bias else None
    size = F.linear(x.abs(), w.abs(), None if b is None else b.abs())  # a sum's error grows with the size of its terms
    assert within(linear(x, w, b), F.linear(x, w, b), 2 * 33, size)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("widths", [[512, 256], [784, 512, 256, 10], [5, 1, 7], [3]], ids=str)
def test_linear_params_counts_what_modules_hold(widths, bias):
    assert linear_params(widths, bias) == sum(p.numel() for p in mlp(widths, bias=bias).parameters())


@pytest.mark.parametrize("widths", [[5, 5], [5, 3, 6], [6, 2, 6, 4], [4] * 30], ids=str)
def test_the_collapsed_layer_gives_what_the_modules_give(widths):
    stack, x = mlp(widths), randn(20, widths[0])
    with torch.no_grad():
        weight, bias = collapse_linears([(layer.weight, layer.bias) for layer in stack])
        assert within(F.linear(x, weight, bias), stack(x), 4 * sum(widths), 10.0)


def test_the_collapsed_weight_is_torchs_multi_dot():
    weights = [randn(b, a, seed=i) for i, (a, b) in enumerate(pairwise([6, 3, 8, 5]))]
    weight, bias = collapse_linears([(w, torch.zeros(len(w), dtype=torch.float64)) for w in weights])
    size = torch.linalg.multi_dot([w.abs() for w in reversed(weights)])
    assert within(weight, torch.linalg.multi_dot(weights[::-1]), 4 * 17, size)
    assert not bias.any()


def test_gelu_is_torchs_exact_one_and_not_its_approximation():
    x = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    assert within(gelu(x), F.gelu(x), 8, x.abs())
    assert not within(gelu(x), F.gelu(x, approximate="tanh"), 1e10, x.abs())


def test_gelu_is_x_times_the_normal_distribution_function():
    x = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    normal = torch.distributions.Normal(torch.zeros((), dtype=torch.float64), 1.0)
    assert within(gelu(x), x * normal.cdf(x), 8, x.abs())


@pytest.mark.parametrize("shape", [(40, 6), (3, 5, 6), (6,)], ids=str)
def test_dead_units_are_those_that_relu_and_autograd_give_no_gradient(shape):
    x, w, b = randn(*shape), randn(64, 6, seed=1).requires_grad_(), (randn(64, seed=2) * 4 - 3).requires_grad_()
    # random factors, so that no gradients of different samples cancel
    (F.relu(F.linear(x, w, b)) * randn(*shape[:-1], 64, seed=3)).sum().backward()
    dead = dead_units(x, w.detach(), b.detach())
    assert torch.equal(dead, (w.grad == 0).all(1))
    assert torch.equal(dead, b.grad == 0)
    assert 0 < dead.sum() < 64


@pytest.mark.parametrize("gain", [1.0, math.sqrt(2), 5 / 3])
@pytest.mark.parametrize(("fan_in", "fan_out"), [(512, 256), (7, 300), (64, 64)])
def test_xavier_std_is_what_torch_scales_its_normal_numbers_by(fan_in, fan_out, gain):
    weight, plain = torch.empty(2, fan_out, fan_in, dtype=torch.float64)
    nn.init.xavier_normal_(weight, gain, generator=torch.Generator().manual_seed(0))
    nn.init.normal_(plain, generator=torch.Generator().manual_seed(0))
    assert within(weight, plain * xavier_std(fan_in, fan_out, gain), 4, weight.abs())


def test_xavier_std_is_the_bound_of_torchs_uniform_numbers_over_root_3():
    weight, plain = torch.empty(2, 30, 20, dtype=torch.float64)
    nn.init.xavier_uniform_(weight, generator=torch.Generator().manual_seed(0))
    nn.init.uniform_(plain, -1, 1, generator=torch.Generator().manual_seed(0))
    assert within(weight, plain * xavier_std(20, 30) * math.sqrt(3), 8)


def test_a_gain_of_torchs_for_relu_makes_glorots_rule_hes_where_the_fans_are_equal():
    weight, plain = torch.empty(2, 48, 48, dtype=torch.float64)
    nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=torch.Generator().manual_seed(0))
    nn.init.normal_(plain, generator=torch.Generator().manual_seed(0))
    assert within(weight, plain * xavier_std(48, 48, nn.init.calculate_gain("relu")), 4, weight.abs())


@pytest.mark.parametrize("relu", [False, True])
def test_signal_by_depth_is_the_average_over_many_random_networks(relu):
    widths, stds, draws = [12, 30, 8, 20], [0.3, 0.2, 0.4], 4_000
    h = torch.ones(draws, 1, widths[0], dtype=torch.float64)
    for i, (a, b) in enumerate(pairwise(widths)):
        h = h @ (stds[i] * randn(draws, a, b, seed=i))
        h = h.relu() if relu else h
        means = h.square().mean((1, 2))
        expected = signal_by_depth(widths, stds, relu)[i]
        assert abs(means.mean().item() - expected) < 5 * means.std().item() / math.sqrt(draws)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("layers", [0, 1, 7])
def test_residual_stack_is_torchs_forward_pass_and_autograds_gradient(layers, residual):
    x, weights = randn(5, 9), randn(layers, 9, 9, seed=1) / 3

    def stack(h: Tensor) -> Tensor:
        for w in weights:
            h = torch.tanh(F.linear(h, w)) + (h if residual else 0)
        return h

    y, gradient = residual_stack(x, weights, residual)
    expected, vjp = torch.autograd.functional.vjp(stack, x, torch.ones_like(x))
    assert within(y, expected, 1000, 1 + expected.abs().max())
    assert within(gradient, vjp, 1000, 1 + gradient.abs().max())


def test_without_weights_the_jacobian_of_a_residual_stack_is_the_identity():
    x, weights = randn(1, 4), torch.zeros(30, 4, 4, dtype=torch.float64)
    assert torch.equal(residual_stack(x, weights)[0], x)
    jacobian = torch.autograd.functional.jacobian(lambda v: residual_stack(v, weights)[0], x).reshape(4, 4)
    assert torch.equal(jacobian, torch.eye(4, dtype=torch.float64))


def test_orthogonal_weights_carry_the_gradient_through_fifty_layers_without_a_residual():
    torch.manual_seed(0)
    weights = torch.stack([nn.init.orthogonal_(torch.empty(16, 16, dtype=torch.float64)) for _ in range(50)])
    _, gradient = residual_stack(1e-4 * randn(1, 16), weights, residual=False)
    assert abs(gradient.norm().item() / 4 - 1) < 1e-6
