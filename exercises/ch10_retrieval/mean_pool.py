"""One vector for a text

A text encoder gives a vector for each token, and the embedding of a text is their mean. The texts of a batch are padded
to one length, and padding is not part of a text.
"""

from jaxtyping import Bool, Float
from torch import Tensor


def mean_pool(x: Float[Tensor, "batch s d"], mask: Bool[Tensor, "batch s"]) -> Float[Tensor, "batch d"]:
    """The mean of each text's token vectors where `mask` is True, in the dtype of `x`. False marks padding.

    Compute in float32 and round once. A text without any token gives zeros. Padding may hold any numbers, even `inf`
    and NaN, and has no effect. If a real token has `inf`, the mean is `inf` there too.

        x = [[[1., 2.], [3., 6.], [100., 100.]]],  mask = [[True, True, False]]  ->  [[2., 4.]]

    Padding need not be at the end.
    """
    raise NotImplementedError("your turn")
