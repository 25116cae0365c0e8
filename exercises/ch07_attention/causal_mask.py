"""The causal mask, aligned at the end

A token may look at itself and at what came before it. With a cache the last queries meet all keys, so there are fewer
rows than columns, and the mask is lined up with the last column, not with the first.
"""

import torch
from jaxtyping import Float32
from torch import Tensor


def causal_mask(n_q: int, n_k: int) -> Float32[Tensor, "n_q n_k"]:
    """What to add to the scores: 0 where query i may see key j, -inf where it may not, in float32.

    The last query belongs to the last key, so query i sees key j if j <= i + n_k - n_q.

        causal_mask(2, 3)  ->  [[0., 0., -inf],
                                [0., 0., 0.]]

    With more queries than keys the first queries see nothing: their rows are -inf throughout.
    """
    raise NotImplementedError("your turn")
