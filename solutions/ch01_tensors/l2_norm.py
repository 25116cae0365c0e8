"""How long a vector is

The L2 norm is Pythagoras in n dimensions: square every number, add, take the root. The result may be small
while the squares are large, and 300² is already more than fp16 can hold.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def l2_norm(u: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    """√(u₀² + u₁² + ...), as a tensor without axes, in the dtype of `u`.

    Compute in float32, whatever the dtype of `u`, and round once. A vector without numbers has length 0.

        l2_norm(tensor([3., 4.]))               ->  tensor(5.)
        l2_norm(tensor([300., 400.]).half())    ->  tensor(500., dtype=torch.float16)
    """
    ### BEGIN SOLUTION
    wide = u.float()
    return torch.sqrt((wide * wide).sum()).to(u.dtype)
    ### END SOLUTION
