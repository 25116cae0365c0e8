"""The backward pass, written by hand."""

from collections.abc import Callable

import torch
from torch import Tensor

from reference import oracle


@oracle
def gradient_by_depth(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    if probe.shape != x.shape:
        raise ValueError("the probe needs the shape of x")
    inputs, sums = [x], []
    for w in weights.unbind(0):
        branch = (_plain_norm(x) if pre_norm else x) @ w.T
        sums.append(x + branch)
        x = sums[-1] if pre_norm else _plain_norm(sums[-1])
        inputs.append(x)
    g = _norm_back(x, probe) if pre_norm else probe
    norms = []
    for before, total, w in zip(inputs[-2::-1], sums[::-1], weights.flip(0).unbind(0), strict=True):
        g = g if pre_norm else _norm_back(total, g)
        read = _plain_norm(before) if pre_norm else before
        gradient = (g.unsqueeze(2) * read.unsqueeze(1)).sum(0)
        norms.append((gradient * gradient).sum().sqrt())
        g = g + (_norm_back(before, g @ w) if pre_norm else g @ w)
    return torch.stack(norms[::-1])


def _plain_norm(x: Tensor) -> Tensor:
    return x / ((x * x).sum(-1, keepdim=True) / x.shape[-1] + 1e-6).sqrt()


def _norm_back(x: Tensor, g: Tensor) -> Tensor:
    rms = ((x * x).sum(-1, keepdim=True) / x.shape[-1] + 1e-6).sqrt()
    return (g - x / rms * (g * x).sum(-1, keepdim=True) / x.shape[-1] / rms) / rms


Step = Callable[[Tensor, Tensor], Tensor]


def _norm(x: Tensor) -> Tensor:
    """The norm that the koan gives."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)


def _pre(x: Tensor, w: Tensor) -> Tensor:
    return x + _norm(x) @ w.T


def _post(x: Tensor, w: Tensor) -> Tensor:
    return _norm(x + x @ w.T)


def _gradients(x: Tensor, weights: Tensor, probe: Tensor, step: Step, end: Callable[[Tensor], Tensor]) -> Tensor:
    weights = weights.detach().clone().requires_grad_()
    for w in weights:
        x = step(x, w)
    (gradient,) = torch.autograd.grad((probe * end(x)).sum(), weights)
    return gradient


def _same(x: Tensor) -> Tensor:
    return x


def _right(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    return _gradients(x, weights, probe, _pre if pre_norm else _post, _norm if pre_norm else _same)


@gradient_by_depth.right("by torch.func.vjp")
def by_vjp(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    def stack(ws: Tensor) -> Tensor:
        y = x
        for w in ws:
            y = _pre(y, w) if pre_norm else _post(y, w)
        return _norm(y) if pre_norm else y

    back: Callable[[Tensor], tuple[Tensor]] = torch.func.vjp(stack, weights)[1]
    (gradient,) = back(probe)
    return torch.linalg.vector_norm(gradient, dim=(1, 2))


@gradient_by_depth.wrong("pre-norm and post-norm are swapped")
def exchanged(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    return _right(x, weights, probe, not pre_norm).flatten(1).norm(dim=1)


@gradient_by_depth.wrong("the norm at the end of the pre-norm stack is missing: nothing else normalizes its stream")
def no_final_norm(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    return _gradients(x, weights, probe, _pre if pre_norm else _post, _same).flatten(1).norm(dim=1)


@gradient_by_depth.wrong("there is no residual: each layer replaces its input instead of adding to it")
def no_residual(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    def step(y: Tensor, w: Tensor) -> Tensor:
        return _norm(y) @ w.T if pre_norm else _norm(y @ w.T)

    return _gradients(x, weights, probe, step, _norm if pre_norm else _same).flatten(1).norm(dim=1)


@gradient_by_depth.wrong("post-norm normalizes only the branch, x + norm(x Wᵀ): it must normalize the whole sum")
def branch_normed(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    def step(y: Tensor, w: Tensor) -> Tensor:
        return _pre(y, w) if pre_norm else y + _norm(y @ w.T)

    return _gradients(x, weights, probe, step, _norm if pre_norm else _same).flatten(1).norm(dim=1)


@gradient_by_depth.wrong("pre-norm normalizes the stream too, norm(x) + norm(x) Wᵀ: the residual passes x on unchanged")
def stream_normed(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    def step(y: Tensor, w: Tensor) -> Tensor:
        return _norm(y) + _norm(y) @ w.T if pre_norm else _post(y, w)

    return _gradients(x, weights, probe, step, _norm if pre_norm else _same).flatten(1).norm(dim=1)


@gradient_by_depth.wrong("the branch was multiplied by W, not by its transpose")
def not_transposed(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    return _right(x, weights.mT, probe, pre_norm).flatten(1).norm(dim=1)


@gradient_by_depth.wrong("the norm's divisor was treated as a constant: it depends on x, so it has a gradient too")
def divisor_detached(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    def norm(y: Tensor) -> Tensor:
        return y / (y.square().mean(-1, keepdim=True) + 1e-6).sqrt().detach()

    def step(y: Tensor, w: Tensor) -> Tensor:
        return y + norm(y) @ w.T if pre_norm else norm(y + y @ w.T)

    return _gradients(x, weights, probe, step, norm if pre_norm else _same).flatten(1).norm(dim=1)


@gradient_by_depth.wrong("the squares were added up without a root: a norm needs the root")
def squared(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    return _right(x, weights, probe, pre_norm).square().sum((1, 2))


@gradient_by_depth.wrong(
    "the largest element of each gradient was taken: the norm is the root of the sum of all squares"
)
def largest(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    return _right(x, weights, probe, pre_norm).abs().amax((1, 2))


@gradient_by_depth.wrong(
    "the spectral norm (matrix_norm with ord=2) was taken: the norm here is the root of the sum of all squares"
)
def spectral(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    return torch.linalg.matrix_norm(_right(x, weights, probe, pre_norm), ord=2)


@gradient_by_depth.wrong("the last layer comes first: entry 0 belongs to the layer next to x")
def last_first(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    return _right(x, weights, probe, pre_norm).flatten(1).norm(dim=1).flip(0)


@gradient_by_depth.wrong("one norm was taken over all layers: each layer has its own")
def all_together(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    return _right(x, weights, probe, pre_norm).norm().expand(len(weights)).clone()


@gradient_by_depth.wrong("the gradients were returned, not their norms")
def not_normed(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    return _right(x, weights, probe, pre_norm)


@gradient_by_depth.wrong("the loss is the mean over tokens and channels: it must be the sum")
def mean_loss(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    return _right(x, weights, probe / probe.numel(), pre_norm).flatten(1).norm(dim=1)


@gradient_by_depth.wrong("requires_grad_ was called on the caller's weights: work on a copy, weights.detach().clone()")
def caller_requires_grad(x: Tensor, weights: Tensor, probe: Tensor, pre_norm: bool) -> Tensor:
    weights.requires_grad_()
    y = x
    for w in weights:
        y = _pre(y, w) if pre_norm else _post(y, w)
    (gradient,) = torch.autograd.grad((probe * (_norm(y) if pre_norm else y)).sum(), weights)
    return gradient.flatten(1).norm(dim=1)
