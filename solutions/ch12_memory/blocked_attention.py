"""Attention that never holds the score matrix

The score matrix is large, and nobody needs all of it. Go through it in blocks, and keep a running maximum, a running
sum and a running weighted sum for each query. Then the memory for scores does not grow with the number of keys.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def blocked_attention(
    q: Float[Tensor, "n_q d"], k: Float[Tensor, "n_k d"], v: Float[Tensor, "n_k e"], block: int
) -> tuple[Float[Tensor, "n_q e"], Float[Tensor, " n_q"]]:
    """One head: softmax(q·k / √d) over the keys, times `v`, and for each query log Σ exp(q·k / √d).

    Never hold more than block × block scores: for each block of queries, go through the keys block by block. n_q and
    n_k may be any lengths. They need not be multiples of `block`. There is at least one key.

    For each query keep the maximum m, the sum l = Σ exp(score − m) and the sum of the values with the same weights, all
    in float32. When m grows, correct both sums. Divide by l once, at the end. Round the first result to the dtype of
    `q`, whatever dtypes k and v have. The second result, m + log l, is float32.

        q [[0.]], k [[5.], [7.]], v [[1., 2.], [3., 6.]], any block  ->  [[2., 4.]], [log 2 = 0.6931]
    """
    ### BEGIN SOLUTION
    outs, logs = [], []
    for queries in q.float().split(block):
        m, l = torch.full(queries.shape[:1], -torch.inf), torch.zeros(len(queries))  # noqa: E741
        acc = torch.zeros(len(queries), v.shape[1])
        for keys, values in zip(k.float().split(block), v.float().split(block), strict=True):
            scores = queries @ keys.T / q.shape[1] ** 0.5
            new = torch.maximum(m, scores.amax(1))
            p, shrink = torch.exp(scores - new[:, None]), torch.exp(m - new)
            l = l * shrink + p.sum(1)  # noqa: E741
            acc = acc * shrink[:, None] + p @ values
            m = new
        outs.append(acc / l[:, None])
        logs.append(m + torch.log(l))
    return torch.cat(outs).to(q.dtype), torch.cat(logs)
    ### END SOLUTION
