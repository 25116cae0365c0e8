"""One scale for all gradients

One bad batch can give a gradient that is a hundred times longer than usual. Clipping makes it shorter and keeps its
direction. All tensors together have one direction, so there is one norm and one scale.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

Gradient = Float[Tensor, "..."]


def clip_by_global_norm(grads: list[Gradient], max_norm: float) -> tuple[list[Gradient], float]:
    """The gradients, scaled down together if needed, and their norm before scaling, as a Python float.

    The norm is the root of the sum of all squares in all tensors. If it is above `max_norm`, multiply every tensor by
    the same factor, so that the norm becomes `max_norm`. Otherwise no value changes. With no tensors, or only zeros,
    the norm is 0.0.

        grads = [[3.0], [4.0]], max_norm = 1.0    ->   ([[0.6], [0.8]], 5.0)
        grads = [[3.0], [4.0]], max_norm = 10.0   ->   ([[3.0], [4.0]], 5.0)

    Compute in float32, whatever the dtypes, and round once. Each tensor keeps its own dtype. The inputs are not
    changed.

    Raises ValueError if the norm is inf or NaN: no factor can repair it, and NaN would spread to every tensor.
    """
    ### BEGIN SOLUTION
    squares = sum(torch.sum(g.float() ** 2).item() for g in grads)
    norm = math.sqrt(squares)
    if not math.isfinite(norm):
        raise ValueError(f"the norm of the gradients is {norm}, but it must be finite")
    scale = max_norm / norm if norm > max_norm else 1.0
    return [(g.float() * scale).to(g.dtype) for g in grads], norm
    ### END SOLUTION
