"""A deep stack, with and without the residual

A layer may replace its input, h ← f(h), or add to it, h ← h + f(h). Run a stack of layers in both ways, and see how
much of the gradient at the output arrives at the input.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def residual_stack(
    x: Float[Tensor, "n d"], weights: Float[Tensor, "layers d d"], residual: bool = True
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d"]]:
    """The output of the stack, and the gradient of the output's sum with respect to `x`.

    Layer i computes f(h) = tanh(h Wᵀ) with W = weights[i], of shape (out, in). If `residual` is True, the output of the
    layer is h + f(h). Otherwise it is f(h). weights[0] is the first layer and receives `x`.

    The gradient has the shape of `x`. For each number of `x` it says how fast the sum of the output grows with that
    number. `torch.autograd.grad` computes it. If you compute it by hand: the slope of tanh(a) is 1 − tanh(a)².

    For all dtypes, compute in float32 inside, and round both results once at the end to the dtype of `x`.

        one layer, W = [[1.]], x = [[0.5]]: tanh(0.5) = 0.4621, its slope 1 − 0.4621² = 0.7864
        residual_stack(x, W)         ->  [[0.9621]], [[1.7864]]
        residual_stack(x, W, False)  ->  [[0.4621]], [[0.7864]]
    """
    raise NotImplementedError("your turn")
