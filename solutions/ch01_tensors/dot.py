"""How well two vectors agree

Multiply the vectors number by number and add the products. Nearly all arithmetic in a transformer consists of dot
products. Two things can go wrong even here: the sum loses precision in a narrow dtype, and the vectors may differ in
length.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def dot(u: Float[Tensor, "n"], v: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    """u₀v₀ + u₁v₁ + ..., as a tensor without axes, in the dtype of `u`, even if `v` has another dtype.

    For all dtypes, multiply and add in float32, and round once. The dot product of two empty vectors is 0.

        u = [1., 2., 3.], v = [4., 5., 6.]   ->  tensor(32.)       4 + 10 + 18

    Raises ValueError if `u` and `v` have different lengths. A vector of one number does not broadcast to a longer one.
    """
    ### BEGIN SOLUTION
    if len(u) != len(v):
        raise ValueError(f"u has {len(u)} numbers, v has {len(v)}")
    return torch.sum(u.float() * v.float()).to(u.dtype)
    ### END SOLUTION
