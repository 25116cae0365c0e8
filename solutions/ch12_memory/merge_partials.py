"""Two partial softmaxes into one

Two processors each computed attention over half of the keys, with a softmax over their own keys. One log-sum-exp per
row is enough to combine the two results exactly.
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
    """The attention over all keys, computed from the attention over two parts of the keys, and its log-sum-exp.

    A part is softmax(scores) @ values over its own keys, with lse = log Σ exp(score) over the same keys. If a row of a
    part could see no key, its lse is −inf and its row of `out` is zeros. If neither part could see a key, the result
    has −inf and zeros too. exp(lse) may overflow or become 0 even if the final result is an ordinary number.

    The given and the returned lse are float32. The other result has the dtype of `out_a`. Compute in float32.

        out_a [[2.]], lse_a [log 1],  out_b [[6.]], lse_b [log 3]
            ->  [[5.]], [log 4 = 1.3863]        2 · 1/4 + 6 · 3/4
    """
    ### BEGIN SOLUTION
    lse = torch.logaddexp(lse_a, lse_b)
    safe = lse.masked_fill(lse == -torch.inf, 0.0)  # -inf - -inf is NaN
    a, b = torch.exp(lse_a - safe).unsqueeze(1), torch.exp(lse_b - safe).unsqueeze(1)
    return (a * out_a.float() + b * out_b.float()).to(out_a.dtype), lse
    ### END SOLUTION
