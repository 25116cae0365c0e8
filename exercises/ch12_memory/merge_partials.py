"""Two partial softmaxes into one

One half of the keys was handled here, the other half there, each with a softmax of its own. A log-sum-exp a row
is enough to combine the results exactly.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def merge_partials(
    out_a: Float[Tensor, "rows d"],
    lse_a: Float[Tensor, " rows"],
    out_b: Float[Tensor, "rows d"],
    lse_b: Float[Tensor, " rows"],
) -> tuple[Float[Tensor, "rows d"], Float[Tensor, " rows"]]:
    """The attention over all keys from that over two parts of them, and its log-sum-exp.

    A part is softmax(scores) @ values over its own keys, with lse = log Σ exp(score) over the same keys. A part that
    had no key to see has lse −inf, and zeros in its row of `out`; if neither part had one, so has the result.
    exp(lse) may overflow, or vanish, though the result is ordinary.

    The lse are float32, and so is the returned one; the other result has the dtype of `out_a`. Compute in float32.

        out_a [[2.]], lse_a [log 1],  out_b [[6.]], lse_b [log 3]
            ->  [[5.]], [log 4 = 1.3863]        2 · 1/4 + 6 · 3/4
    """
    raise NotImplementedError("your turn")
