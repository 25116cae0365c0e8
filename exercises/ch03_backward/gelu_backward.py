"""The slope of GELU

GELU multiplies x by Φ(x), the probability that a standard normal number is below x. The backward pass multiplies the
upstream gradient by the slope of this product. Unlike the slope of ReLU, it is not just 0 or 1, and it can be negative.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def gelu_backward(x: Float[Tensor, "*shape"], dy: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """dx of y = x · Φ(x), for the upstream gradient dy, in the dtype of `x`, even if dy has another dtype.

    This is exact GELU, with the error function: Φ(x) = ½ (1 + erf(x/√2)). The slope of Φ is the bell curve φ(x) =
    exp(−x²/2) / √(2π). For every dtype, compute in float32 and round once at the end. `x` is finite.

        x = [0., 1., −1.], dy = [1., 1., 10.]   ->   [0.5, 1.0833, −0.8332]
            at 0: Φ = 0.5, and φ is multiplied by 0;   at 1: Φ = 0.8413, φ = 0.2420
    """
    raise NotImplementedError("your turn")
