"""The loss stops falling

A normalization and a classifier are fine-tuned in bf16 with a small learning rate. The loss falls for some steps, and
then it hardly moves any more. The gradients are not zero.
"""

import torch
import torch.nn.functional as F
from jaxtyping import BFloat16, Float32, Int64
from torch import Tensor

from exercises.ch04_optimization.adam_step import adam_step

Weights = dict[str, Float32[Tensor, "..."]]


def backward(
    x: BFloat16[Tensor, "b d"], targets: Int64[Tensor, "b"], weights: dict[str, BFloat16[Tensor, "..."]]
) -> tuple[Float32[Tensor, ""], dict[str, BFloat16[Tensor, "..."]]]:
    """The loss, and its gradients for the bf16 weights."""
    leaves = {name: w.detach().requires_grad_() for name, w in weights.items()}
    normed = F.rms_norm(x, x.shape[-1:], eps=1e-6) * leaves["gain"]
    logits = normed @ leaves["head"].T
    loss = F.cross_entropy(logits.float(), targets)
    grads = torch.autograd.grad(loss, list(leaves.values()))
    return loss.detach(), dict(zip(leaves, grads, strict=True))


def hunt_stalled_loss(
    x: BFloat16[Tensor, "b d"], targets: Int64[Tensor, "b"], weights: Weights, steps: int, lr: float
) -> tuple[Float32[Tensor, "steps"], Weights]:
    """(the loss before each step, the weights after the last step). Every step takes the whole batch.

    `weights` has "gain", (d,), and "head", (classes, d). The weights are kept in float32. The forward and the backward
    pass run in bf16, with bf16 copies of the weights. Adam runs in float32, with betas (0.9, 0.999) and eps 1e-8.

    The inputs are not changed.
    """
    weights = dict(weights)
    m = {name: torch.zeros_like(w) for name, w in weights.items()}
    v = {name: torch.zeros_like(w) for name, w in weights.items()}
    losses = []
    for step in range(1, steps + 1):
        low = {name: w.bfloat16() for name, w in weights.items()}
        loss, grads = backward(x, targets, low)
        losses.append(loss)
        for name, grad in grads.items():
            weight = low[name].float()
            weights[name], m[name], v[name] = adam_step(weight, grad.float(), m[name], v[name], step, lr)
    return torch.stack(losses), weights
