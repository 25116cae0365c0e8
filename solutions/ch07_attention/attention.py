"""Attention from start to end

Scores, softmax and the weighted sum of the values: three steps that you know, in the order in which a model runs
them. The result for each query is an average of the values that it may see. A value counts more if its key fits better.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def attention(
    q: Float[Tensor, "b h q d"],
    k: Float[Tensor, "b h k d"],
    v: Float[Tensor, "b h k e"],
    hidden: Bool[Tensor, "..."] | None = None,
) -> Float[Tensor, "b h q e"]:
    """softmax(q·k / √d) over the keys, times `v`; in the dtype of `q`, whatever dtype `k` and `v` have.

    `hidden` is True where a query may not see a key. It broadcasts to (b, h, q, k). Without it every query sees all
    keys. A query that sees no key gives zeros. Values may be wider or narrower than keys (e and d). Compute in float32
    inside (the weights too), and round once, at the end.

    If q is all zeros, every score is 0 and the weights are equal:

        q = [[[[0.]]]], k = [[[[5.], [7.]]]], v = [[[[1., 2.], [3., 6.]]]]  ->  [[[[2., 4.]]]]
    """
    ### BEGIN SOLUTION
    scores = torch.einsum("bhqd,bhkd->bhqk", q.float(), k.float()) / q.shape[-1] ** 0.5
    if hidden is not None:
        scores = scores.masked_fill(hidden, -torch.inf)
    weights = torch.softmax(scores, -1)
    if hidden is not None:
        weights = weights.masked_fill(hidden, 0.0)  # a row with every key hidden is NaN until here
    return torch.einsum("bhqk,bhke->bhqe", weights, v.float()).to(q.dtype)
    ### END SOLUTION
