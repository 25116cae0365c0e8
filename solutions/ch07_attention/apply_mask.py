"""Hide scores before softmax

A hidden key must get weight 0, and the keys that stay must share the whole 1. So the mask goes in before
softmax: a score of -inf is the one that exp turns into exactly 0.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def apply_mask(scores: Float[Tensor, "*batch n_q n_k"], hidden: Bool[Tensor, "..."]) -> Float[Tensor, "*batch n_q n_k"]:
    """Softmax over the keys (the last axis) that are not hidden, in the dtype of `scores`.

    `hidden` is True where a key may not be seen. Its shape broadcasts to that of `scores`: one mask may serve
    all heads, or all queries. A hidden key has probability 0, whatever its score holds, inf and NaN included.
    A query whose keys are all hidden gives a row of zeros. Visible scores are finite. Compute in float32
    inside and round once; `scores` stays as it was.

        scores [[1., 2., 3.]], hidden [[False, False, True]]  ->  [[0.2689, 0.7311, 0.0]]
    """
    ### BEGIN SOLUTION
    masked = scores.float().masked_fill(hidden, -torch.inf)
    weights = torch.softmax(masked, -1)
    return weights.masked_fill(hidden, 0.0).to(scores.dtype)  # a row that is hidden entirely is NaN until here
    ### END SOLUTION
