"""How well two vectors agree

Multiply number by number and add it all up: nearly all arithmetic of a transformer is dot products. Two things
can go wrong even here: the sum, in a narrow dtype, and two vectors that do not belong together.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def dot(u: Float[Tensor, "n"], v: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    """u₀v₀ + u₁v₁ + ..., as a tensor without axes, in the dtype of `u`, whatever dtype `v` has.

    Multiply and add in float32, whatever the dtype, and round once. Without any numbers the sum is 0.

        u = [1., 2., 3.], v = [4., 5., 6.]   ->  tensor(32.)       4 + 10 + 18

    Raises ValueError if `u` and `v` differ in length. A vector of one number does not stand for a longer one.
    """
    ### BEGIN SOLUTION
    if len(u) != len(v):
        raise ValueError(f"{len(u)} numbers cannot be paired with {len(v)}")
    return torch.sum(u.float() * v.float()).to(u.dtype)
    ### END SOLUTION
