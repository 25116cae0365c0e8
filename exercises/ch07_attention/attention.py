"""Attention, whole

Scores, softmax, weighted sum of the values: three steps you have met, in the order in which a model runs
them. Each query comes out as an average of the values it may see, weighted by how well their keys fit.
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
    """softmax(q·k / √d) over the keys, times `v`; in the dtype of `q`, whatever dtype the others have.

    `hidden` is True where a query may not see a key and broadcasts to (b, h, q, k); without it all keys are
    seen. A query that sees no key gives zeros. Values may be wider or narrower than keys (e and d). Compute
    in float32 inside, weights included, and round once, at the end.

    With q of zeros every score is 0 and the weights are equal:

        q = [[[[0.]]]], k = [[[[5.], [7.]]]], v = [[[[1., 2.], [3., 6.]]]]  ->  [[[[2., 4.]]]]
    """
    raise NotImplementedError("your turn")
