"""Attention that never holds the table

The table of scores is large, and nobody asked for it. Go through it in blocks, keep a running maximum, sum and
weighted sum for each query, and what is held no longer depends on how many keys there are.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def blocked_attention(
    q: Float[Tensor, "n_q d"], k: Float[Tensor, "n_k d"], v: Float[Tensor, "n_k e"], block: int
) -> tuple[Float[Tensor, "n_q e"], Float[Tensor, " n_q"]]:
    """One head: softmax(q·k / √d) over the keys, times `v`, and for each query log Σ exp(q·k / √d).

    Hold at most block × block scores at a time: a block of queries meets the keys a block at a time. Neither n_q nor
    n_k need be a multiple of `block`. There is at least one key.

    For each query keep the maximum m, the sum l = Σ exp(score − m) and the sum of the values with the same weights, all
    in float32. When m grows, correct both sums. Divide by l once, at the end. The first result is rounded to the
    dtype of `q`, whatever dtypes k and v have. The second, m + log l, is float32.

        q [[0.]], k [[5.], [7.]], v [[1., 2.], [3., 6.]], any block  ->  [[2., 4.]], [log 2 = 0.6931]
    """
    raise NotImplementedError("your turn")
