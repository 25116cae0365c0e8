"""A step with momentum

Plain SGD follows the gradient of one batch. Momentum follows a velocity: the sum of the old gradients, which fade, and
the new gradient. Libraries weight the two terms differently. This is PyTorch's way.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def sgd_momentum_step(
    p: Float[Tensor, "*shape"], g: Float[Tensor, "*shape"], v: Float[Tensor, "*shape"], lr: float, momentum: float = 0.9
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """The parameters and the velocity after one step, for parameters `p`, their gradient `g` and the old velocity `v`.

    Multiply the old velocity by `momentum` and add the whole gradient. Then subtract `lr` times the new velocity from
    the parameters. `lr` is not part of the velocity.

        p = [1.0], g = [0.5], v = [2.0], lr = 0.1, momentum = 0.8   ->   ([0.79], [2.1])     2.1 = 0.8 · 2 + 0.5

    Compute in float32, whatever the dtypes, and round each result once: the parameters to the dtype of `p`, the
    velocity to the dtype of `v`, which may be wider. The inputs are not changed.
    """
    raise NotImplementedError("your turn")
