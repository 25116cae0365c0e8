"""Gradients by depth, pre-norm and post-norm

In a pre-norm stack each branch reads a normalized copy, and its result is added to the stream. In a post-norm stack
every layer normalizes the stream itself. Build both from the same weights and measure the gradient of each layer's
weight. These stacks are toys: their branches are linear and have no attention.
"""

import torch
from jaxtyping import Float32
from torch import Tensor


def gradient_by_depth(
    x: Float32[Tensor, "n d"], weights: Float32[Tensor, "layers d d"], probe: Float32[Tensor, "n d"], pre_norm: bool
) -> Float32[Tensor, " layers"]:
    """The norm (root of the sum of squares) of the loss's gradient for the weight of each layer, in float32.

    Every layer has one linear branch: its input times its weight transposed. norm is RMS norm with eps 1e-6 and no
    gain.

        pre-norm     x <- x + norm(x) Wᵀ   for each layer, and norm(x) once more at the end
        post-norm    x <- norm(x + x Wᵀ)   for each layer

    The loss is the sum of probe · x over all tokens and channels of the result. Do not change `weights`.

        x = [[1., 0.]], one layer [[1., 0.], [0., 0.]], probe = [[0., 1.]]
        pre-norm: the branch reads [1.4142, 0.], x becomes [2.4142, 0.], the last norm divides it by 1.7071. So the
        gradient of the branch's result is [0., 0.5858], times the branch's input   ->   [0.8284]
        post-norm: the branch reads [1., 0.], the sum is [2., 0.], the norm divides by 1.4142   ->   [0.7071]
    """
    raise NotImplementedError("your turn")


def _norm(x: Tensor) -> Tensor:
    """RMS norm of each token."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)
