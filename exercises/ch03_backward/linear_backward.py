"""Three gradients of a linear layer

A linear layer turns x into y = x Wᵀ + b. In the backward pass it receives dy, the gradient of the loss with respect to
y. It must return three gradients of the loss: with respect to its input, its weight and its bias.
"""

from jaxtyping import Float
from torch import Tensor


def linear_backward(
    x: Float[Tensor, "*batch n_in"], weight: Float[Tensor, "n_out n_in"], dy: Float[Tensor, "*batch n_out"]
) -> tuple[Float[Tensor, "*batch n_in"], Float[Tensor, "n_out n_in"], Float[Tensor, "n_out"]]:
    """(dx, dW, db) of y = x Wᵀ + b, in the shapes of x, W and b.

    All three are in the dtype of `x`, even if W and dy have other dtypes.

    There may be any number of batch axes, or none. Every row uses the same W and b. Use dy as it is: if the loss was a
    mean, dy already contains 1/batch.

    For every dtype, multiply and add in float32, and round once at the end.

        x = [[1., 2.]], W = [[1., 0.], [0., 3.], [1., 1.]], dy = [[1., 10., 100.]]
            dx = [[101., 130.]]                               1·[1, 0] + 10·[0, 3] + 100·[1, 1]
            dW = [[1., 2.], [10., 20.], [100., 200.]]         row o is dy[o] · x
            db = [1., 10., 100.]
    """
    raise NotImplementedError("your turn")
