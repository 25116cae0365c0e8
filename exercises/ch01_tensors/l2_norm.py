"""How long a vector is

The L2 norm is the Pythagorean theorem in n dimensions: square every number, add the squares, take the root. The result
may be small while the squares are large: 300² is already too large for fp16.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def l2_norm(u: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    """√(u₀² + u₁² + ...), as a tensor without axes, in the dtype of `u`.

    For every dtype of `u`, compute in float32, and round once. The norm of an empty vector is 0.

        l2_norm(tensor([3., 4.]))               ->  tensor(5.)
        l2_norm(tensor([300., 400.]).half())    ->  tensor(500., dtype=torch.float16)
    """
    raise NotImplementedError("your turn")
