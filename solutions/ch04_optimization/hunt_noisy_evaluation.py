"""Two evaluations of the same weights, two losses

A small language model trains, and its loss on held-out text is logged before every few steps. The training loss looks
well. The held-out loss is too high and jumps, and another seed gives another held-out loss for the same weights, before
the first step already.
"""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from exercises.ch02_forward.gelu import gelu
from exercises.ch02_forward.linear import linear
from exercises.ch04_optimization.cross_entropy import cross_entropy

Weights = dict[str, Float32[Tensor, "..."]]


def hunt_noisy_evaluation(
    weights: Weights,
    train: Int64[Tensor, " n"],
    held_out: Int64[Tensor, " m"],
    rate: float,
    steps: int,
    every: int,
    lr: float,
    seed: int,
) -> tuple[Float32[Tensor, " steps"], Float32[Tensor, " evaluations"], Weights]:
    """(the training loss of each step, the held-out loss before the steps 0, every, 2 · every, ..., the last weights).

    The model predicts each token of a text from the c tokens before it. Their rows of "table" (v, d), side by side, are
    multiplied by "in" (h, c · d), GELU follows, and "out" (v, h) gives logits. A loss is the mean cross-entropy over
    all tokens with c tokens before them. A step subtracts `lr` times the gradient of the loss on `train` from each
    weight.

    In training there is dropout of `rate`, from 0 to less than 1, on the rows and on the output of GELU: each number is
    set to 0 with the probability `rate`, and else divided by 1 − rate. The random numbers come from one generator with
    `seed`: in each step first those for the rows, then those for the output of GELU. The held-out loss is the loss of
    the whole network, as it will be used. It depends only on the weights and on `held_out`, and evaluations have no
    influence on the training.

        v = 2, all weights 0, rate = 0.5, steps = 1  ->  [0.6931], [0.6931], zeros      ln 2, whatever is set to 0
    """
    generator = torch.Generator().manual_seed(seed)
    losses, held = [], []
    for step in range(steps):
        if step % every == 0:
            held.append(_loss(weights, held_out, rate, generator, training=False))
        leaves = {name: w.clone().requires_grad_() for name, w in weights.items()}
        loss = _loss(leaves, train, rate, generator, training=True)
        grads = torch.autograd.grad(loss, list(leaves.values()))
        weights = {name: w - lr * grad for (name, w), grad in zip(weights.items(), grads, strict=True)}
        losses.append(loss.detach())
    return torch.stack(losses), torch.stack(held), weights


def _loss(
    weights: Weights, ids: Tensor, rate: float, generator: torch.Generator, training: bool
) -> Float32[Tensor, ""]:
    context = weights["in"].shape[1] // weights["table"].shape[1]
    windows = ids.unfold(0, context + 1, 1)
    rows = weights["table"][windows[:, :-1]].flatten(1)
    rows = _dropout(rows, rate, generator, training)
    ### BEGIN BUG
    hidden = _dropout(gelu(linear(rows, weights["in"])), rate, generator, training)
    ### PLANTED
    # hidden = _dropout(gelu(linear(rows, weights["in"])), rate, generator)
    ### END BUG
    return cross_entropy(linear(hidden, weights["out"]), windows[:, -1])


def _dropout(x: Tensor, rate: float, generator: torch.Generator, training: bool = True) -> Tensor:
    """Each number 0 with the probability `rate`, else divided by 1 − rate. Without `training`, `x` itself."""
    if not training:
        return x
    kept = torch.rand(x.shape, generator=generator, dtype=torch.float32) >= rate
    return x * kept / (1 - rate)
