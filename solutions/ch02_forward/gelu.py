"""GELU, the exact form

ReLU keeps a number or sets it to zero, depending on its sign. GELU multiplies the number by the share of a normal
distribution below it. This share is nearly 1 for large numbers, nearly 0 for very negative numbers, and changes
smoothly.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def gelu(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """x · Φ(x), where Φ(x) = (1 + erf(x / √2)) / 2 is the standard normal distribution function.

    Compute the exact form from the formula, not the form with tanh or a sigmoid. The library's gelu is refused. For
    every dtype of `x`, compute in float32 inside, and round once at the end to that dtype. `x` is finite. Do not change
    it.

        Φ(1) = 0.8413, so gelu(tensor([-1., 0., 1.]))  ->  [-0.1587, 0., 0.8413]
    """
    ### BEGIN SOLUTION
    wide = x.float()
    return (wide * 0.5 * (1 + torch.erf(wide / 2**0.5))).to(x.dtype)
    ### END SOLUTION
