"""The oracles of chapter 3 against torch's autograd, torch.func and checkpoint, as test_oracles.py has it for the others.

Gradients are compared in float64, within the roundings that two ways of computing can make, relative to the sum of the
absolute values of what is added up.
"""

import random
import weakref
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

from reference.ch03_backward.activation_bytes import activation_bytes
from reference.ch03_backward.checkpointed_grads import checkpointed_grads
from reference.ch03_backward.cross_entropy_backward import cross_entropy_backward
from reference.ch03_backward.gelu_backward import gelu_backward
from reference.ch03_backward.jacobian_passes import jacobian_passes
from reference.ch03_backward.linear_backward import linear_backward
from reference.ch03_backward.softmax_backward import softmax_backward
from reference.ch03_backward.stop_gradient import stop_gradient
from reference.ch03_backward.tape_backward import tape_backward

EPS = torch.finfo(torch.float64).eps


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def within(actual: Tensor, expected: Tensor, roundings: float, size: Tensor | float = 1.0) -> bool:
    """Whether two float64 tensors differ by no more than so many roundings of a number of this size."""
    assert actual.dtype == expected.dtype == torch.float64 and actual.shape == expected.shape
    return bool(((actual - expected).abs() <= torch.as_tensor(roundings * EPS * size)).all())


@pytest.mark.parametrize("batch", [(), (1,), (7,), (2, 3), (0,)])
def test_linear_backward_is_autograds(batch):
    x, weight, dy = randn(*batch, 5), randn(4, 5, seed=1), randn(*batch, 4, seed=2)
    leaves = [t.requires_grad_() for t in (x.clone(), weight.clone(), randn(4, seed=3))]
    expected = torch.autograd.grad(F.linear(*leaves), leaves, dy)
    sizes = linear_backward(x.abs(), weight.abs(), dy.abs())
    for actual, gradient, size in zip(linear_backward(x, weight, dy), expected, sizes, strict=True):
        assert within(actual, gradient, 2 * (5 + 7), size)


@pytest.mark.parametrize("size", [1e-3, 1.0, 10.0, 1e3])
def test_gelu_backward_is_autograds(size):
    x, dy = size * randn(500), randn(500, seed=1)
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(F.gelu(leaf), leaf, dy)
    # the exponent x²/2 is rounded, and x · exp(−x²/2) · (1 + x²) stays below 2; Φ takes a few
    assert within(gelu_backward(x, dy), expected, 20, dy.abs())


@pytest.mark.parametrize("size", [1e-3, 1.0, 100.0])
def test_softmax_backward_is_autograds(size):
    scores, dp = size * randn(3, 4, 33), randn(3, 4, 33, seed=1)
    leaf = scores.clone().requires_grad_()
    p = torch.softmax(leaf, -1)
    (expected,) = torch.autograd.grad(p, leaf, dp)
    p = p.detach()
    assert within(softmax_backward(p, dp), expected, 33 + 5, p * (dp.abs() + (p * dp.abs()).sum(-1, keepdim=True)))


def test_softmax_backward_is_the_vjp_of_torch_func_and_its_jacobian_is_the_one_of_jacrev():
    scores = randn(6)
    p, vjp = torch.func.vjp(lambda s: torch.softmax(s, -1), scores)
    dp = randn(6, seed=1)
    assert within(softmax_backward(p, dp), vjp(dp)[0], 20, 4.0)
    rows = torch.stack([softmax_backward(p, unit) for unit in torch.eye(6, dtype=torch.float64)])
    assert within(rows, torch.func.jacrev(lambda s: torch.softmax(s, -1))(scores), 20)


@pytest.mark.parametrize("size", [1e-3, 1.0, 100.0, 1e4])
def test_cross_entropy_backward_is_autograds(size):
    logits, targets = size * randn(6, 11), torch.tensor([0, 10, 3, 3, 7, 1])
    leaf = logits.clone().requires_grad_()
    (expected,) = torch.autograd.grad(F.cross_entropy(leaf, targets), leaf)
    # torch takes exp(logit − logsumexp), whose exponent may be as large as the logits
    assert within(cross_entropy_backward(logits, targets), expected, 11 + 5 + 2 * float(logits.abs().max()))


@pytest.mark.parametrize("target", [-1, 5, -100])
def test_cross_entropy_backward_refuses_what_is_no_class_where_torch_indexing_would_take_some_of_it(target):
    with pytest.raises(IndexError):
        cross_entropy_backward(randn(1, 5), torch.tensor([target]))


@pytest.mark.parametrize("seed", range(20))
def test_tape_backward_is_autograds_for_random_programs(seed):
    draw = random.Random(seed)
    values = [torch.tensor(draw.uniform(-2, 2), dtype=torch.float64, requires_grad=True) for _ in range(3)]
    tape: list[list[tuple[int, float]]] = [[], [], []]
    for _ in range(12):
        i, j = draw.randrange(len(values)), draw.randrange(len(values))
        a, b = values[i], values[j]
        op = draw.choice(["add", "mul", "sin"])
        if op == "add":
            values.append(a + b)
            tape.append([(i, 1.0), (j, 1.0)])
        elif op == "mul":
            values.append(a * b)
            tape.append([(i, b.item()), (j, a.item())])
        else:
            values.append(torch.sin(a))
            tape.append([(i, torch.cos(a).item())])
    for value in values[3:]:
        value.retain_grad()
    output = draw.randrange(3, len(values))
    values[output].backward()
    expected = [0.0 if value.grad is None else value.grad.item() for value in values]
    assert tape_backward(tape, output) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("widths", [(5, 1), (1, 6), (4, 4, 4), (7, 3, 2)])
def test_jacobian_passes_are_the_columns_of_jacfwd_and_the_rows_of_jacrev(widths):
    weights, x = [randn(o, i, seed=n) / i**0.5 for n, (i, o) in enumerate(pairwise(widths))], randn(widths[0], seed=9)

    def network(h: Tensor) -> Tensor:
        for w in weights:
            h = torch.tanh(w @ h)
        return h

    columns, rows = jacobian_passes(weights, x, "jvp"), jacobian_passes(weights, x, "vjp")
    assert (len(columns), len(rows)) == (widths[0], widths[-1])
    assert within(torch.stack(columns, -1), torch.func.jacfwd(network)(x), 100, 10.0)
    assert within(torch.stack(rows), torch.func.jacrev(network)(x), 100, 10.0)
    for j, column in enumerate(columns):
        _, change = torch.func.jvp(network, (x,), (torch.eye(len(x), dtype=x.dtype)[j],))
        assert within(column, change, 100, 10.0)


def test_stop_gradient_is_what_autograd_makes_of_the_five_programs():
    x, dy = 3 * randn(50), randn(50, seed=1)

    def run(program):
        leaf = x.clone().requires_grad_()
        y = program(leaf)
        y.backward(dy)
        return y.detach(), leaf.grad

    def without_recording(x):
        with torch.no_grad():
            h = x * x
        return h + x

    def recorded_before(x):
        h = x * x
        with torch.no_grad():
            k = h
        return k + x

    programs = {
        "round": torch.round,
        "straight-through": lambda x: x + (torch.round(x) - x).detach(),
        "detach": lambda x: (x * x).detach() + x,
        "no_grad": without_recording,
        "no_grad later": recorded_before,
    }
    answers = stop_gradient(x, dy)
    assert list(answers) == list(programs)
    for name, program in programs.items():
        for actual, expected in zip(answers[name], run(program), strict=True):
            assert within(actual, expected, 4, 2 * (x * x + x.abs() + 1) * dy.abs().clamp(min=1))


def network(widths: list[int], activation: type[nn.Module], dtype: torch.dtype) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out, dtype=dtype), activation()]
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("widths", [[3, 4, 1], [3, 7], [4, 8, 8, 8, 2], [16, 64, 16]])
@pytest.mark.parametrize(("name", "activation"), [("relu", nn.ReLU), ("gelu", nn.GELU)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_activation_bytes_are_those_of_the_storages_that_autograd_saves(widths, name, activation, dtype):
    model, saved = network(widths, activation, dtype), {}

    def pack(tensor: Tensor) -> Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        y = model(torch.randn(6, widths[0], dtype=dtype))
    parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
    assert y.requires_grad
    kept = sum(size for pointer, size in saved.items() if pointer not in parameters)
    assert kept == activation_bytes(6, widths, name, dtype)


class Kept:
    """What a saved tensor is wrapped in, to see when autograd lets go of it."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def test_what_is_kept_grows_through_the_forward_pass_and_falls_through_the_backward_pass():
    model = network([8] * 7, nn.GELU, torch.float32)
    alive: weakref.WeakSet[Kept] = weakref.WeakSet()
    forward, backward = [], []

    def pack(tensor: Tensor) -> Kept:
        kept = Kept(tensor)
        alive.add(kept)
        return kept

    with saved_tensors_hooks(pack, lambda kept: kept.tensor):
        h = torch.randn(4, 8)
        for layer in model:
            h = layer(h)
            forward.append(len(alive))
            h.register_hook(lambda grad: backward.append(len(alive)))
        h.sum().backward()
    assert forward == sorted(forward)
    assert backward == sorted(backward, reverse=True)
    assert backward[0] == forward[-1] > backward[-1] and not alive


@pytest.mark.parametrize(("layers", "every"), [(4, 2), (16, 4), (7, 3), (5, 1), (5, 9)])
def test_checkpointed_grads_are_those_of_torchs_checkpoint_which_runs_as_many_layers_again(layers, every):
    weights, x, dy = 1 + 0.3 * randn(layers, 5), randn(5, seed=1), randn(5, seed=2)
    runs = 0

    def segment(h: Tensor, ws: Tensor) -> Tensor:
        nonlocal runs
        for w in ws:
            runs += 1
            h = torch.tanh(w * h)
        return h

    leaves = [weights.clone().requires_grad_(), x.clone().requires_grad_()]
    h = leaves[1]
    for start in range(0, layers, every):
        # without early stop a segment is run again to its end, its last operation's result included
        h = checkpoint(segment, h, leaves[0][start : start + every], use_reentrant=True)
    assert runs == layers
    h.backward(dy)
    answer = checkpointed_grads(weights, x, dy, every)
    assert answer["recomputed"] == runs - layers
    # each layer rounds a handful of times, and slopes that are near 0 lose digits to 1 − h²
    size = dy.abs() * (weights.abs() + 1).prod(0) * (1 + x.abs())
    assert within(answer["dx"], leaves[1].grad, 10 * layers, size)
    assert within(answer["dweights"], leaves[0].grad, 10 * layers, size)


@pytest.mark.parametrize(("layers", "every"), [(4, 2), (16, 4), (7, 3), (5, 4), (5, 1), (5, 9), (64, 8)])
def test_the_peak_of_checkpointed_grads_is_that_of_a_dict_to_which_they_are_added_and_dropped(layers, every):
    held, peak = set(range(0, layers, every)), 0
    for start in sorted(held, reverse=True):
        segment = set(range(start + 1, min(start + every, layers) + 1))
        held |= segment
        peak = max(peak, len(held))
        held -= segment | {start}
    assert not held
    one = torch.ones(1, dtype=torch.float64)
    assert checkpointed_grads(torch.ones(layers, 1, dtype=torch.float64), one, one, every)["peak"] == peak
