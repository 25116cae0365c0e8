"""Eight ranks learn no more than one

A data-parallel run was stopped and goes on from its checkpoint. Before the stop, more ranks gave a smoother loss. Now
the loss jumps about as if there were only one rank, and no rank reports an error. Find the mistake.
"""

from typing import Any

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from exercises.ch04_optimization.adamw_step import adamw_step
from exercises.ch04_optimization.cross_entropy import cross_entropy
from exercises.ch15_model.get_batch import get_batch
from exercises.ch15_model.model_logits import model_logits

Tensors = dict[str, Float32[Tensor, "..."]]


def hunt_idle_ranks(
    saved: dict[str, Any],
    tokens: Int64[Tensor, " n"],
    heads: int,
    kv_heads: int,
    rows: int,
    length: int,
    drop: int,
    steps: int,
    rate: float,
) -> tuple[Float32[Tensor, " steps"], Tensors]:
    """(losses, weights) of `steps` more steps of a data-parallel run. The ranks take turns here, in one process.

    `saved` is the checkpoint: "params", "m" and "v" by name, "step" (the number of steps so far), and "rng", a list
    with the state of each rank's random generator. All ranks hold the same weights, and each reads its own text.

    In a step each rank draws the starts of `rows` windows of `length` inputs with `torch.randint(len(tokens) - length,
    (rows,))`. Then it draws `torch.randint(drop, (rows, length))`: where this is 0, the input (not the target) becomes
    id 0. The gradients of the ranks' mean losses are averaged. Every weight takes a step of AdamW with the learning
    rate `rate`, without decay. losses[i] is the mean of the ranks' losses before the update.

    The inputs are not changed.
    """
    params, m, v = dict(saved["params"]), dict(saved["m"]), dict(saved["v"])
    generators = _restored(saved["rng"])
    losses = []
    for step in range(saved["step"] + 1, saved["step"] + steps + 1):
        leaves = {name: w.detach().requires_grad_() for name, w in params.items()}
        local_losses, local_grads = [], []
        for generator in generators:
            starts = torch.randint(len(tokens) - length, (rows,), generator=generator).tolist()
            inputs, targets = get_batch(tokens, starts, length)
            kept = torch.randint(drop, (rows, length), generator=generator) > 0
            logits = model_logits(inputs * kept, leaves, heads, kv_heads)
            loss = cross_entropy(logits.flatten(0, 1), targets.flatten())
            local_losses.append(loss.detach())
            local_grads.append(torch.autograd.grad(loss, list(leaves.values())))
        for name, *grads in zip(leaves, *local_grads, strict=True):
            mean = torch.stack(grads).mean(0)
            params[name], m[name], v[name] = adamw_step(params[name], mean, m[name], v[name], step, lr=rate, decay=0.0)
        losses.append(torch.stack(local_losses).mean())
    return torch.stack(losses), params


def _restored(states: list[Tensor]) -> list[torch.Generator]:
    """A generator for each rank, as it was when the checkpoint was written."""
    generators = [torch.Generator() for _ in states]
    for generator in generators:
        generator.set_state(states[0])
    return generators
