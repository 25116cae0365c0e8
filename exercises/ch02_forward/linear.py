"""A linear layer

Most of a transformer's parameters and nearly all its arithmetic are in layers of this kind: every output is a dot
product of the input with one row of a weight matrix, plus a bias. What stands before the last axis is batch.
"""

from jaxtyping import Float
from torch import Tensor


def linear(
    x: Float[Tensor, "*batch d_in"], w: Float[Tensor, "d_out d_in"], b: Float[Tensor, "d_out"] | None = None
) -> Float[Tensor, "*batch d_out"]:
    """x Wᵀ + b, in the dtype of `x`, whatever dtype the others have. Without `b` nothing is added.

    Compute in float32 inside, whatever the dtype, and round once at the end. `x` may be a single vector or have any
    number of axes before the last.

        x = [1., 2.], w = [[1., 0.], [0., 1.], [1., 1.]], b = [10., 20., 30.]
        ->  [1·1 + 2·0 + 10, 1·0 + 2·1 + 20, 1·1 + 2·1 + 30] = [11., 22., 33.]

    Raises ValueError if the last axis of `x` is not as long as that of `w`, or if `b` is not as long as `w` has rows.
    """
    raise NotImplementedError("your turn")
