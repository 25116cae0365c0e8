"""Rows of length one

Only the direction of an embedding is compared. If you divide each row by its length, only the direction is left.
A row of zeros has no direction and stays as it is.
"""

from jaxtyping import Float
from torch import Tensor


def l2_normalize(x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
    """Each vector along the last axis divided by its L2 norm, in the dtype of `x`.

    Compute in float32 or better, whatever the dtype of `x`, and round once. A vector of zeros gives zeros. Every other
    vector gets length 1, however small it is. (Squares of numbers below 1e-23 are 0 in float32.) Write it yourself:
    torch.nn.functional.normalize is refused.

        l2_normalize(tensor([[3., 4.], [0., 0.]]))    ->  [[0.6, 0.8], [0., 0.]]
        l2_normalize(tensor([300., -400.]).half())    ->  [0.6, -0.8]      (rounded to float16)
        l2_normalize(tensor([3e-30, 4e-30]))          ->  [0.6, 0.8]
    """
    ### BEGIN SOLUTION
    wide = x.double()  # holds the square of every float32
    norm = (wide * wide).sum(-1, keepdim=True).sqrt()
    return (wide / norm.masked_fill(norm == 0, 1.0)).to(x.dtype)
    ### END SOLUTION
