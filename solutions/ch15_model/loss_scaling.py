"""Gradients that fp16 can hold

In fp16 small gradients become 0. So the loss is multiplied by a scale before the backward pass, and the gradients are
divided by it afterwards. The scale is found while training: it doubles after many good steps, and it halves when a
gradient overflows.
"""

import torch
from jaxtyping import Float16, Float32
from torch import Tensor

from exercises.ch04_optimization.clip_by_global_norm import clip_by_global_norm


def loss_scaling(
    grads: list[Float16[Tensor, "..."]],
    scale: float,
    good_steps: int,
    grow_after: int = 2000,
    max_norm: float = 1.0,
) -> tuple[list[Float32[Tensor, "..."]] | None, float, int]:
    """(gradients for the optimizer, the next scale, the next number of good steps).

    `grads` are the gradients of scale · loss. `good_steps` is the number of good steps since the scale last changed.

    If any gradient is inf or NaN, the step is skipped: the gradients are None, the scale halves, and good_steps is 0.
    Otherwise the gradients are divided by `scale` in float32 and then clipped to `max_norm`, all tensors together, with
    your `clip_by_global_norm`. The step is good, so good_steps grows by 1. If it is then `grow_after` or more, the
    scale doubles and good_steps is 0 again. The next step uses the new scale; these gradients were made with `scale`.

        loss_scaling([[6.0, 8.0]], scale=2.0, good_steps=0)                  ->  ([[0.6, 0.8]], 2.0, 1)
        loss_scaling([[6.0, 8.0]], scale=2.0, good_steps=9, grow_after=10)   ->  ([[0.6, 0.8]], 4.0, 0)
        loss_scaling([[6.0, inf]], scale=2.0, good_steps=9)                  ->  (None, 1.0, 0)

    The inputs are not changed.
    """
    ### BEGIN SOLUTION
    if not all(torch.isfinite(g).all() for g in grads):
        return None, scale / 2, 0
    clipped, _ = clip_by_global_norm([g.float() / scale for g in grads], max_norm)
    if good_steps + 1 < grow_after:
        return clipped, scale, good_steps + 1
    return clipped, scale * 2, 0
    ### END SOLUTION
