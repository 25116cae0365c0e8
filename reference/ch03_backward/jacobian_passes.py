"""The whole Jacobian at once, layer by layer. The passes give its columns or its rows."""

from collections.abc import Callable

import torch
from torch import Tensor

from reference import LOW_PRECISION, oracle, promoted

Layers = list[tuple[Tensor, Tensor]]  # a weight, and the slopes of its tanh


def _jacobian(weights: list[Tensor], x: Tensor) -> Tensor:
    jacobian = torch.eye(len(x), dtype=x.dtype)
    for w in weights:
        x = torch.tanh((w * x).sum(-1))
        jacobian = (1 - x * x).unsqueeze(-1) * (w @ jacobian)
    return jacobian


def _hold_to_modes(mode: str) -> None:
    if mode not in ("jvp", "vjp"):
        raise ValueError("no such mode")


@oracle
def jacobian_passes(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    _hold_to_modes(mode)
    wide, *wide_weights = promoted(x, *weights)
    jacobian = _jacobian(wide_weights, wide).to(x.dtype)
    return list(jacobian.unbind(-1) if mode == "jvp" else jacobian.unbind(0))


def _layers(weights: list[Tensor], x: Tensor) -> tuple[Layers, Tensor]:
    layers, h = [], x.float()
    for w in weights:
        h = torch.tanh(w.float() @ h)
        layers.append((w.float(), 1 - h * h))
    return layers, h


def _push(layers: Layers, change: Tensor) -> Tensor:
    for w, slope in layers:
        change = slope * (w @ change)
    return change


def _pull(layers: Layers, gradient: Tensor) -> Tensor:
    for w, slope in reversed(layers):
        gradient = w.mT @ (slope * gradient)
    return gradient


def _passes(
    weights: list[Tensor],
    x: Tensor,
    mode: str,
    push: Callable[[Layers, Tensor], Tensor] = _push,
    pull: Callable[[Layers, Tensor], Tensor] = _pull,
) -> list[Tensor]:
    _hold_to_modes(mode)
    layers, y = _layers(weights, x)
    one, n = (push, len(x)) if mode == "jvp" else (pull, len(y))
    return [one(layers, unit).to(x.dtype) for unit in torch.eye(n)]


@jacobian_passes.right("pass by pass")
def pass_by_pass(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    return _passes(weights, x, mode)


@jacobian_passes.right("by autograd: a backward pass for each output, and its columns")
def by_autograd(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    _hold_to_modes(mode)

    def network(h: Tensor) -> Tensor:
        for w in weights:
            h = torch.tanh(w.float() @ h)
        return h

    jacobian: Tensor = torch.autograd.functional.jacobian(network, x.float())  # type: ignore[no-untyped-call]
    return list((jacobian.mT if mode == "jvp" else jacobian).to(x.dtype))


@jacobian_passes.right("the slope of tanh as 1/cosh²")
def by_cosh(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    _hold_to_modes(mode)
    h, jacobian = x.float(), torch.eye(len(x))
    for w in weights:
        z = w.float() @ h
        h, jacobian = torch.tanh(z), (w.float() @ jacobian) / torch.cosh(z).square().unsqueeze(-1)
    return list((jacobian.mT if mode == "jvp" else jacobian).to(x.dtype))


@jacobian_passes.wrong("the modes are swapped: a jvp gives a column for each input, a vjp gives a row for each output")
def swapped(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    _hold_to_modes(mode)
    return _passes(weights, x, "vjp" if mode == "jvp" else "jvp")


@jacobian_passes.wrong("both modes gave rows: a jvp tells how all outputs change with one input, and that is a column")
def always_rows(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    _hold_to_modes(mode)
    return _passes(weights, x, "vjp")


@jacobian_passes.wrong("both modes gave columns: a vjp tells how one output changes with all inputs, and that is a row")
def always_columns(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    _hold_to_modes(mode)
    return _passes(weights, x, "jvp")


@jacobian_passes.wrong(
    "one pass with a vector of ones: it adds all columns or all rows, and they cannot be separated again"
)
def ones_at_once(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    _hold_to_modes(mode)
    layers, y = _layers(weights, x)
    sums = _push(layers, torch.ones(len(x))) if mode == "jvp" else _pull(layers, torch.ones(len(y)))
    return [sums.to(x.dtype)]


@jacobian_passes.wrong("the pass started from x or y: start each pass from a unit vector, for one input or one output")
def starts_from_values(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    _hold_to_modes(mode)
    layers, y = _layers(weights, x)
    start, one = (x.float(), _push) if mode == "jvp" else (y, _pull)
    return [one(layers, unit * start).to(x.dtype) for unit in torch.eye(len(start))]


@jacobian_passes.wrong("the slope of tanh was left out: the pass multiplied only the weights")
def weights_only(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    _hold_to_modes(mode)
    layers, y = _layers(weights, x)
    flat = [(w, torch.ones_like(slope)) for w, slope in layers]
    one, n = (_push, len(x)) if mode == "jvp" else (_pull, len(y))
    return [one(flat, unit).to(x.dtype) for unit in torch.eye(n)]


@jacobian_passes.wrong("the last layer was taken as linear: it has a tanh too")
def last_without_tanh(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    _hold_to_modes(mode)
    layers, y = _layers(weights, x)
    layers[-1] = (layers[-1][0], torch.ones_like(y))
    one, n = (_push, len(x)) if mode == "jvp" else (_pull, len(y))
    return [one(layers, unit).to(x.dtype) for unit in torch.eye(n)]


@jacobian_passes.wrong("tanh was applied again for the slope: h is already tanh(z), so the slope is 1 − h²")
def tanh_twice(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    _hold_to_modes(mode)
    layers, h = [], x.float()
    for w in weights:
        h = torch.tanh(w.float() @ h)
        layers.append((w.float(), 1 - torch.tanh(h).square()))
    one, n = (_push, len(x)) if mode == "jvp" else (_pull, len(h))
    return [one(layers, unit).to(x.dtype) for unit in torch.eye(n)]


@jacobian_passes.wrong("the slope was computed as 1 − z²: it is 1 − tanh(z)²")
def slope_before_tanh(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    _hold_to_modes(mode)
    layers, h = [], x.float()
    for w in weights:
        z = w.float() @ h
        h = torch.tanh(z)
        layers.append((w.float(), 1 - z * z))
    one, n = (_push, len(x)) if mode == "jvp" else (_pull, len(h))
    return [one(layers, unit).to(x.dtype) for unit in torch.eye(n)]


@jacobian_passes.wrong(
    "in the backward pass, W was applied before the slope: multiply by the slope of a layer first, then by Wᵀ"
)
def slope_after_weight(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    def pull(layers: Layers, gradient: Tensor) -> Tensor:
        slopes = [torch.ones(len(x)), *(slope for _, slope in layers[:-1])]
        for (w, _), slope in zip(reversed(layers), reversed(slopes), strict=True):
            gradient = slope * (w.mT @ gradient)
        return gradient

    return _passes(weights, x, mode, pull=pull)


@jacobian_passes.wrong("the backward pass took the layers in forward order: it starts with the last layer")
def back_in_forward_order(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    return _passes(weights, x, mode, pull=lambda layers, gradient: _pull(layers[::-1], gradient))


@jacobian_passes.wrong(
    "W was not transposed in the backward pass: the gradient with respect to the inputs is Wᵀ times the gradient "
    "with respect to the outputs"
)
def not_transposed(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    def pull(layers: Layers, gradient: Tensor) -> Tensor:
        for w, slope in reversed(layers):
            gradient = w @ (slope * gradient)
        return gradient

    return _passes(weights, x, mode, pull=pull)


@jacobian_passes.wrong(
    "the columns of W J were multiplied by the slopes: each slope belongs to a row; use slope.unsqueeze(-1) * (W J)"
)
def slopes_along_columns(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    _hold_to_modes(mode)
    h, jacobian = x.float(), torch.eye(len(x))
    for w in weights:
        h = torch.tanh(w.float() @ h)
        jacobian = (1 - h * h) * (w.float() @ jacobian)
    return list((jacobian.mT if mode == "jvp" else jacobian).to(x.dtype))


@jacobian_passes.wrong("the passes were stacked into one tensor: return a list with one entry per pass")
def stacked(weights: list[Tensor], x: Tensor, mode: str) -> Tensor:
    return torch.stack(_passes(weights, x, mode))


@jacobian_passes.wrong(LOW_PRECISION)
def low_precision_inside(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    _hold_to_modes(mode)
    layers, h = [], x
    for w in weights:
        h = torch.tanh(w @ h)
        layers.append((w, 1 - h * h))
    one, n = (_push, len(x)) if mode == "jvp" else (_pull, len(h))
    return [one(layers, unit) for unit in torch.eye(n, dtype=x.dtype)]


@jacobian_passes.wrong(
    "each layer's result was rounded to the dtype of `x`: keep it in float32 and round once, at the end"
)
def rounded_between(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    def push(layers: Layers, change: Tensor) -> Tensor:
        for w, slope in layers:
            change = (slope * (w @ change)).to(x.dtype).float()
        return change

    def pull(layers: Layers, gradient: Tensor) -> Tensor:
        for w, slope in reversed(layers):
            gradient = (w.mT @ (slope * gradient)).to(x.dtype).float()
        return gradient

    return _passes(weights, x, mode, push, pull)


@jacobian_passes.wrong("each h was rounded to the dtype of `x`: keep it in float32 and round only the results")
def rounded_hidden(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    _hold_to_modes(mode)
    layers, h = [], x.float()
    for w in weights:
        h = torch.tanh(w.float() @ h).to(x.dtype).float()
        layers.append((w.float(), 1 - h * h))
    one, n = (_push, len(x)) if mode == "jvp" else (_pull, len(h))
    return [one(layers, unit).to(x.dtype) for unit in torch.eye(n)]


jacobian_passes.standard_wrongs("returns_fp32", formula=pass_by_pass)


@jacobian_passes.wrong("the results have the dtype of the weights: they should have the dtype of `x`")
def as_wide_as_the_weights(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    return [result.to(weights[0].dtype) for result in _passes(weights, x.float(), mode)]


@jacobian_passes.wrong("an unknown mode was taken as one of the two modes: the contract asks for a ValueError")
def any_mode(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    return _passes(weights, x, "jvp" if mode == "jvp" else "vjp")


@jacobian_passes.wrong(
    "the weights were first rounded to the dtype of `x`: compute in float32 and round once, at the end"
)
def rounded_first(weights: list[Tensor], x: Tensor, mode: str) -> list[Tensor]:
    return _passes([w.to(x.dtype) for w in weights], x, mode)
