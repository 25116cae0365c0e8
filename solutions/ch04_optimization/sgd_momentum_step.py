"""A step with momentum

Plain descent follows the gradient of one batch. Momentum follows a velocity: old gradients that fade, plus the new one.
Every library keeps such a sum, and not all of them weigh its terms alike. This is PyTorch's way.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def sgd_momentum_step(
    p: Float[Tensor, "*shape"], g: Float[Tensor, "*shape"], v: Float[Tensor, "*shape"], lr: float, momentum: float = 0.9
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """The parameters and the velocity after one step, for parameters `p`, their gradient `g` and the old velocity `v`.

    The velocity fades by the factor `momentum`, the whole gradient is added to it, and the parameters move by `lr`
    times the new velocity, against it. `lr` is no part of the velocity.

        p = [1.0], g = [0.5], v = [2.0], lr = 0.1, momentum = 0.8   ->   ([0.79], [2.1])     2.1 = 0.8 · 2 + 0.5

    Compute in float32, whatever the dtypes, and round each result once: the parameters to the dtype of `p`, the
    velocity to that of `v`, which may be wider. All three inputs are left as they were.
    """
    ### BEGIN SOLUTION
    velocity = momentum * v.to(torch.float32) + g.to(torch.float32)
    moved = p.to(torch.float32) - lr * velocity
    return moved.to(p.dtype), velocity.to(v.dtype)
    ### END SOLUTION
