"""Softmax statistics, block by block

Softmax needs the maximum of a row and a sum relative to it. Both seem to need the whole row, but they do not. When the
next block brings a larger score, the sum so far can be corrected.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def online_softmax(
    blocks: list[Float[Tensor, "rows _"]],
) -> tuple[Float[Tensor, "rows blocks"], Float[Tensor, "rows blocks"]]:
    """The running maximum m and the running sum l after each block, one column for each block.

    `blocks` holds pieces of the same rows of scores, from left to right. Their widths may differ, and there is at least
    one block. After a block, m is the largest score of the row so far, and l = Σ exp(score − m) over all scores so far.
    While all scores of a row are −inf, m is −inf and l is 0.

    Look at each block once: compute the new m and l from the block and from the m and l before it. Compute and return
    float32, whatever the dtype of the scores.

        blocks [[1., 3.]], [[2.]] and [[5.]] of one row:
            m  3, 3, 5
            l  1 + e⁻² = 1.1353,  1.1353 + e⁻¹ = 1.5032,  1.5032·e⁻² + 1 = 1.2034
    """
    ### BEGIN SOLUTION
    m = torch.full(blocks[0].shape[:1], -torch.inf)
    l = torch.zeros(m.shape)  # noqa: E741
    maxima, sums = [], []
    for block in blocks:
        scores = block.float()
        new = torch.maximum(m, scores.amax(1))
        safe = new.masked_fill(new == -torch.inf, 0.0)  # -inf - -inf is NaN
        l = l * torch.exp(m - safe) + torch.exp(scores - safe.unsqueeze(1)).sum(1)  # noqa: E741
        m = new
        maxima.append(m)
        sums.append(l)
    return torch.stack(maxima, 1), torch.stack(sums, 1)
    ### END SOLUTION
