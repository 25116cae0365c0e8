"""Layer norm: center, scale, gain, bias

Layer norm shifts every token's vector to mean 0 and scales it to variance 1. Each vector is treated by itself. Then a
learned gain and a learned bias for each channel set the scale and the mean that the model needs.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def layer_norm(
    x: Float[Tensor, "*batch n"], gain: Float[Tensor, " n"], bias: Float[Tensor, " n"], eps: float = 1e-5
) -> Float[Tensor, "*batch n"]:
    """(x - mean) / √(variance + eps) · gain + bias along the last axis.

    The result has the dtype of `x`, whatever dtypes gain and bias have.

    The variance is the mean of the squared distances from the mean: divide by n, not by n - 1. Compute in float32,
    whatever the dtypes, and round once, after the bias. Write it yourself: torch's layer_norm is refused.

        x = [1., 2., 3., 6.], gain = [1., 1., 1., 2.], bias = [0., 0., 0., 10.]
        mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5, its root 1.8708
        ->  [-1.0690, -0.5345, 0., 2 · 1.6036 + 10 = 13.2071]

    A vector of equal numbers has variance 0 and gives the bias.
    """
    ### BEGIN SOLUTION
    wide = x.float()
    centered = wide - wide.mean(-1, keepdim=True)
    variance = centered.square().mean(-1, keepdim=True)
    return (centered * torch.rsqrt(variance + eps) * gain.float() + bias.float()).to(x.dtype)
    ### END SOLUTION
