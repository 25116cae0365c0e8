"""The same request in another batch

With few rows a GPU kernel splits each row over its idle cores, and with many rows it does not. So the number of
requests that are served together with yours decides the order in which your sums are added. Which results change with
the batch, and how can they stay the same?
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def batch_invariance(
    x: Float[Tensor, "batch n"], cores: int, fixed: int | None = None
) -> tuple[Float[Tensor, "batch"], Bool[Tensor, "batch"]]:
    """(the sum of each row of `x`, whether it has the same bits as the sum of this row in a batch of 1).

    The kernel cuts the rows of a batch into `parts` pieces: `fixed` pieces if `fixed` is given, else cores // batch
    pieces, but at least 1. A piece is ceil(n / parts) columns long; the last may be shorter. Each piece is added up
    from left to right. Then the results of the pieces are added up, also from left to right. Round to the dtype of `x`
    (float16, bfloat16 or float32) after every addition. A row alone is cut as for a batch of 1.

        x = float16 [[2048., 1., 1., 1.],      batch 2, cores 4: 2 pieces    (2048 + 1) + (1 + 1) = 2048 + 2 = 2050
                     [1., 1., 1., 1.]]                                       (1 + 1) + (1 + 1) = 4
                                               alone: 4 pieces               2048 + 1 + 1 + 1 = 2048; and 4
        ->  ([2050., 4.], [False, True])

    There is at least one row and one column; `cores` and `fixed` are 1 or more.
    """

    def total(columns: Float[Tensor, "rows m"]) -> Float[Tensor, "rows"]:
        """The columns added from left to right, rounded each time."""
        out = columns[:, 0]
        for column in columns[:, 1:].unbind(1):
            out = out + column
        return out

    raise NotImplementedError("your turn")
