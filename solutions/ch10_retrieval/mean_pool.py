"""One vector for a text

A text encoder gives a vector for each token, and an embedding is their mean. Texts of a batch are filled up to one
length, and what fills them up is no part of the text.
"""

from jaxtyping import Bool, Float
from torch import Tensor


def mean_pool(x: Float[Tensor, "batch s d"], mask: Bool[Tensor, "batch s"]) -> Float[Tensor, "batch d"]:
    """The mean of each text's token vectors where `mask` is True, in the dtype of `x`. False marks padding.

    Compute in float32 and round once. A text without any token gives zeros. What stands in padded places may be
    anything, `inf` and NaN included, and has no effect. An `inf` in a real token is in its mean.

        x = [[[1., 2.], [3., 6.], [100., 100.]]],  mask = [[True, True, False]]  ->  [[2., 4.]]

    Padding need not be at the end.
    """
    ### BEGIN SOLUTION
    wide = x.float().masked_fill(~mask.unsqueeze(-1), 0.0)
    count = mask.sum(-1, keepdim=True).clamp(min=1)
    return (wide.sum(1) / count).to(x.dtype)
    ### END SOLUTION
