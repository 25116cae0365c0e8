"""The loss crawls

A small classifier trains in fp16 with a loss scale. There is no NaN, no step is skipped, and the gradients point the
right way. But the loss hardly falls.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float16, Float32, Int64
from torch import Tensor

from exercises.ch04_optimization.clip_by_global_norm import clip_by_global_norm
from exercises.ch04_optimization.sgd_momentum_step import sgd_momentum_step

Weights = dict[str, Float32[Tensor, "..."]]


def backward(
    x: Float16[Tensor, "b d"], targets: Int64[Tensor, "b"], weights: Weights, scale: float
) -> tuple[Float32[Tensor, ""], list[Float16[Tensor, "..."]]]:
    """The loss of a batch, and the gradients of scale · loss for the fp16 copies of the weights."""
    half = {name: w.half().requires_grad_() for name, w in weights.items()}
    hidden = torch.tanh(x @ half["up"].T)
    logits = hidden @ half["down"].T
    loss = F.cross_entropy(logits.float(), targets)
    return loss.detach(), list(torch.autograd.grad(scale * loss, list(half.values())))


def hunt_fp16_crawl(
    x: Float16[Tensor, "steps b d"],
    targets: Int64[Tensor, "steps b"],
    weights: Weights,
    lr: float,
    max_norm: float = 1.0,
    scale: float = 65536.0,
) -> tuple[Float32[Tensor, "steps"], Weights, float]:
    """(the loss before each step, the weights after the last step, the loss scale after the last step).

    `weights` has "up", (hidden, d), and "down", (classes, hidden). Step i takes the batch x[i], targets[i]:

    1. The forward and the backward pass run in fp16. The loss is multiplied by `scale` before the backward pass,
       because fp16 rounds small gradients to 0.
    2. If a gradient overflows, the step is skipped and the scale is halved.
    3. Otherwise the gradient of the mean loss is clipped to `max_norm`, all tensors together, and SGD with momentum 0.9
       takes a step with the learning rate `lr` in float32.

    The inputs are not changed.
    """
    weights = dict(weights)
    velocity = {name: torch.zeros_like(w) for name, w in weights.items()}
    losses = []
    for rows, wanted in zip(x, targets, strict=True):
        loss, grads = backward(rows, wanted, weights, scale)
        losses.append(loss)
        if not all(torch.isfinite(g).all() for g in grads):
            scale = scale / 2
            continue
        wide = [g.float() for g in grads]
        ### BEGIN BUG
        unscaled = [g / scale for g in wide]
        ready, _ = clip_by_global_norm(unscaled, max_norm)
        ### PLANTED
        # clipped, _ = clip_by_global_norm(wide, max_norm)
        # ready = [g / scale for g in clipped]
        ### END BUG
        for name, grad in zip(weights, ready, strict=True):
            weights[name], velocity[name] = sgd_momentum_step(weights[name], grad, velocity[name], lr)
    return torch.stack(losses), weights, scale
