"""A linear layer

Linear layers hold most of a transformer's parameters and do nearly all its arithmetic. Each output is the dot product
of the input with one row of a weight matrix, plus a bias. All axes before the last axis are batch axes.
"""

from jaxtyping import Float
from torch import Tensor


def linear(
    x: Float[Tensor, "*batch d_in"], w: Float[Tensor, "d_out d_in"], b: Float[Tensor, "d_out"] | None = None
) -> Float[Tensor, "*batch d_out"]:
    """x Wᵀ + b, in the dtype of `x`, even if `w` and `b` have other dtypes. If `b` is None, nothing is added.

    For all dtypes, compute in float32 inside, and round once at the end. `x` may be a single vector or have any number
    of axes before the last.

        x = [1., 2.], w = [[1., 0.], [0., 1.], [1., 1.]], b = [10., 20., 30.]
        ->  [1·1 + 2·0 + 10, 1·0 + 2·1 + 20, 1·1 + 2·1 + 30] = [11., 22., 33.]

    Raises ValueError if the last axes of `x` and `w` have different lengths, or if `b` does not have one number for
    each row of `w`.
    """
    raise NotImplementedError("your turn")
