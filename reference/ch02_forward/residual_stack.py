"""The chain rule by hand: the forward pass keeps every tanh, the backward pass starts at the last layer."""

from collections.abc import Callable

import torch
from torch import Tensor

from reference import LOW_PRECISION, oracle, promoted

Step = Callable[[Tensor, Tensor], Tensor]  # from the input (h, or the gradient) and the output of the branch
Pair = tuple[Tensor, Tensor]


def _add(h: Tensor, f: Tensor) -> Tensor:
    return h + f


def _replace(h: Tensor, f: Tensor) -> Tensor:
    return f


def _forward(x: Tensor, weights: Tensor, step: Step) -> tuple[Tensor, list[Tensor]]:
    h, kept = x, []
    for w in weights:
        f = torch.tanh(h @ w.T)
        kept.append(f)
        h = step(h, f)
    return h, kept


def _backward(g: Tensor, weights: Tensor, kept: list[Tensor], step: Step) -> Tensor:
    for i in reversed(range(len(kept))):
        g = step(g, (g * (1 - kept[i] * kept[i])) @ weights[i])
    return g


@oracle
def residual_stack(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    step = _add if residual else _replace
    start, ws = promoted(x, weights)
    y, kept = _forward(start, ws, step)
    return y.to(x.dtype), _backward(torch.ones_like(y), ws, kept, step).to(x.dtype)


def _auto(x: Tensor, weights: Tensor, stack: Callable[[Tensor, Tensor], Tensor]) -> Pair:
    """The output of `stack` in float32, and its gradient by autograd."""
    start = x.detach().float().requires_grad_()
    y = stack(start, weights.float())
    (g,) = torch.autograd.grad(y.sum(), start, allow_unused=True, materialize_grads=True)
    return y.detach().to(x.dtype), g.to(x.dtype)


def _manual(
    x: Tensor, weights: Tensor, residual: bool, backward: Callable[[Tensor, Tensor, list[Tensor]], Tensor]
) -> Pair:
    """The right output, and the gradient from `backward`, which gets the weights and the value of every tanh."""
    wide = weights.float()
    y, kept = _forward(x.float(), wide, _add if residual else _replace)
    return y.to(x.dtype), backward(torch.ones_like(y), wide, kept).to(x.dtype)


def _stack(layer: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    def run(h: Tensor, weights: Tensor) -> Tensor:
        for w in weights:
            h = layer(h, w)
        return h

    return run


def _plain(h: Tensor, w: Tensor) -> Tensor:
    return torch.tanh(h @ w.T)


def _residual(h: Tensor, w: Tensor) -> Tensor:
    return h + torch.tanh(h @ w.T)


def _layer(residual: bool) -> Callable[[Tensor, Tensor], Tensor]:
    return _residual if residual else _plain


@residual_stack.right("autograd")
def by_autograd(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    return _auto(x, weights, _stack(_layer(residual)))


@residual_stack.right("autograd from the caller's own tensor on, in its dtype")
def by_backward(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    leaf = x.clone().requires_grad_()
    y = _stack(_layer(residual))(leaf.float(), weights.float())
    y.sum().backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    return y.detach().to(x.dtype), leaf.grad


@residual_stack.right("by hand, the slope of the whole layer as a matrix for each sample")
def by_matrices(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    h, eye = x.float(), torch.eye(x.shape[1])
    whole = eye.expand(x.shape[0], *eye.shape)
    for w in weights.float():
        f = torch.tanh(h @ w.T)
        slope = (1 - f**2).unsqueeze(-1) * w + (eye if residual else 0)
        whole, h = slope @ whole, h + f if residual else f
    return h.to(x.dtype), whole.sum(1).to(x.dtype)


@residual_stack.wrong("`x` was added once, after the last layer: every layer adds its own input")
def after_the_last_only(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    def stack(h: Tensor, ws: Tensor) -> Tensor:
        out = _stack(_plain)(h, ws)
        return h + out if residual and len(ws) else out

    return _auto(x, weights, stack)


@residual_stack.wrong("`x` was added after every layer: each layer adds the input that it received itself")
def adds_the_first_input(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    def stack(start: Tensor, ws: Tensor) -> Tensor:
        return _stack(lambda h, w: start + _plain(h, w) if residual else _plain(h, w))(start, ws)

    return _auto(x, weights, stack)


@residual_stack.wrong(
    "the input was added inside the tanh: then tanh limits the residual too, and no path has a slope of 1"
)
def inside_the_tanh(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    return _auto(x, weights, _stack(lambda h, w: torch.tanh(h + h @ w.T) if residual else _plain(h, w)))


@residual_stack.wrong("the last layer has no residual: every layer needs the residual")
def not_the_last(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    def stack(h: Tensor, ws: Tensor) -> Tensor:
        return _stack(_plain)(_stack(_layer(residual))(h, ws[:-1]), ws[-1:])

    return _auto(x, weights, stack)


@residual_stack.wrong("the first layer has no residual: every layer needs the residual")
def not_the_first(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    def stack(h: Tensor, ws: Tensor) -> Tensor:
        return _stack(_layer(residual))(_stack(_plain)(h, ws[:1]), ws[1:])

    return _auto(x, weights, stack)


@residual_stack.wrong("there is no residual, though `residual` is True")
def never(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    return _auto(x, weights, _stack(_plain))


@residual_stack.wrong("there is a residual, though `residual` is False")
def always(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    return _auto(x, weights, _stack(_residual))


@residual_stack.wrong("W was not transposed in the product with h: its rows are the outputs")
def untransposed(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    return _auto(x, weights.mT, _stack(_layer(residual)))


@residual_stack.wrong("the layers run from the last to the first: weights[0] comes first")
def reversed_layers(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    return _auto(x, weights.flip(0), _stack(_layer(residual)))


@residual_stack.wrong("the tanh was left out: without it the stack is one linear map")
def no_tanh(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    return _auto(x, weights, _stack(lambda h, w: h + h @ w.T if residual else h @ w.T))


@residual_stack.wrong("ReLU was used instead of tanh")
def relu(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    return _auto(x, weights, _stack(lambda h, w: torch.relu(h @ w.T) + (h if residual else 0)))


@residual_stack.wrong(
    "the gradient only goes through the branches: the added h also passes the gradient on, with a slope of 1"
)
def residual_detached(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    return _manual(x, weights, residual, lambda g, ws, kept: _backward(g, ws, kept, _replace))


@residual_stack.wrong(
    "the gradient only goes past the branches, with a slope of 1 at every layer: each f has a slope too"
)
def branches_detached(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    def backward(g: Tensor, ws: Tensor, kept: list[Tensor]) -> Tensor:
        return g if residual else _backward(g, ws, kept, _replace)

    return _manual(x, weights, residual, backward)


@residual_stack.wrong("the 1 of the residual was added to the gradient even without a residual")
def gradient_always_residual(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    return _manual(x, weights, residual, lambda g, ws, kept: _backward(g, ws, kept, _add))


@residual_stack.wrong(
    "W was transposed in the backward pass: the forward product is h Wᵀ, so the backward product is g W"
)
def transposed_back(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    step = _add if residual else _replace
    return _manual(x, weights, residual, lambda g, ws, kept: _backward(g, ws.mT, kept, step))


@residual_stack.wrong("the backward pass starts with the first layer: the gradient passes the last layer first")
def forward_order(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    step = _add if residual else _replace
    return _manual(x, weights, residual, lambda g, ws, kept: _backward(g, ws.flip(0), kept[::-1], step))


@residual_stack.wrong("the slope of tanh was computed as 1 − tanh(a): it is 1 − tanh(a)²")
def slope_not_squared(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    step = _add if residual else _replace
    return _manual(x, weights, residual, lambda g, ws, kept: _backward(g, ws, [f.abs().sqrt() for f in kept], step))


@residual_stack.wrong("the slope of tanh was left out in the backward pass")
def no_slope(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    step = _add if residual else _replace
    return _manual(
        x, weights, residual, lambda g, ws, kept: _backward(g, ws, [torch.zeros_like(f) for f in kept], step)
    )


@residual_stack.wrong("the gradient of the mean was computed: the contract asks for the gradient of the sum")
def of_the_mean(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    step = _add if residual else _replace
    n = max(x.numel(), 1)
    return _manual(x, weights, residual, lambda g, ws, kept: _backward(g / n, ws, kept, step))


@residual_stack.wrong("the gradient stops at the output of the first layer: continue to `x`")
def at_the_first_output(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    step = _add if residual else _replace
    return _manual(x, weights, residual, lambda g, ws, kept: _backward(g, ws[1:], kept[1:], step))


@residual_stack.wrong("only the gradient of the last layer was computed: continue through all layers before it")
def last_layer_only(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    step = _add if residual else _replace
    return _manual(x, weights, residual, lambda g, ws, kept: _backward(g, ws[-1:], kept[-1:], step))


@residual_stack.wrong("the norm of the gradient was returned: return the gradient itself, in the shape of `x`")
def norm_only(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    y, g = _auto(x, weights, _stack(_layer(residual)))
    return y, g.float().norm().to(x.dtype)


@residual_stack.wrong("only the output was returned: return its gradient too")
def output_only(x: Tensor, weights: Tensor, residual: bool = True) -> Tensor:
    return _auto(x, weights, _stack(_layer(residual)))[0]


@residual_stack.wrong(LOW_PRECISION)
def low_precision(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    start = x.detach().clone().requires_grad_()
    y = _stack(_layer(residual))(start, weights)
    (g,) = torch.autograd.grad(y.sum(), start)
    return y.detach(), g


@residual_stack.wrong("the results were rounded after every layer: stay in float32 until the end and round once")
def rounded_each_time(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    return _auto(x, weights, _stack(lambda h, w: _layer(residual)(h, w).to(x.dtype).float()))


residual_stack.standard_wrongs("returns_fp32", formula=by_autograd)


@residual_stack.wrong("the results have the dtype of `weights`: they must have the dtype of `x`")
def dtype_of_weights(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    y, g = _auto(x.float(), weights, _stack(_layer(residual)))
    return y.to(weights.dtype), g.to(weights.dtype)


@residual_stack.wrong("`x` was changed in place: `h += f` writes into the caller's tensor")
def in_place(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    result = _auto(x, weights, _stack(_layer(residual)))
    if residual and x.dtype == torch.float32:
        x.copy_(result[0])
    return result


@residual_stack.wrong(
    "the slope was computed from the layer's output: with the residual this output is h + tanh(a); the slope is 1 − "
    "tanh(a)²"
)
def slope_of_the_output(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    step = _add if residual else _replace
    h, kept = x.float(), []
    for w in weights.float():
        h = step(h, torch.tanh(h @ w.T))
        kept.append(h)
    return h.to(x.dtype), _backward(torch.ones_like(h), weights.float(), kept, step).to(x.dtype)


@residual_stack.wrong(
    "the weights were cast to the dtype of `x`, and everything was computed in it: upcast both inside and round once"
)
def low_precision_cast(x: Tensor, weights: Tensor, residual: bool = True) -> Pair:
    return low_precision(x, weights.to(x.dtype), residual)
