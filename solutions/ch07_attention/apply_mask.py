"""Hide scores before softmax

A hidden key must get weight 0, and the visible keys must share the whole weight of 1. So the mask is applied before
softmax: exp turns a score of -inf into exactly 0.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def apply_mask(scores: Float[Tensor, "*batch n_q n_k"], hidden: Bool[Tensor, "..."]) -> Float[Tensor, "*batch n_q n_k"]:
    """Softmax over the keys (the last axis) that are not hidden, in the dtype of `scores`.

    `hidden` is True where a query may not see a key. Its shape broadcasts to the shape of `scores`: one mask may serve
    all heads, or all queries. A hidden key gets probability 0, whatever its score is, even inf or NaN. A query whose
    keys are all hidden gives a row of zeros. Visible scores are finite. Compute in float32 inside and round once. Do
    not change `scores`.

        scores [[1., 2., 3.]], hidden [[False, False, True]]  ->  [[0.2689, 0.7311, 0.0]]
    """
    ### BEGIN SOLUTION
    masked = scores.float().masked_fill(hidden, -torch.inf)
    weights = torch.softmax(masked, -1)
    return weights.masked_fill(hidden, 0.0).to(scores.dtype)  # a row with every key hidden is NaN until here
    ### END SOLUTION
