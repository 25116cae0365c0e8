"""The causal mask, aligned at the last key

A token may see itself and the tokens before it. With a cache there are fewer queries than keys, so the mask has fewer
rows than columns. Its last row belongs to the last column.
"""

import torch
from jaxtyping import Float32
from torch import Tensor


def causal_mask(n_q: int, n_k: int) -> Float32[Tensor, "n_q n_k"]:
    """The mask to add to the scores, in float32: 0 if query i may see key j, -inf if it may not.

    The last query belongs to the last key, so query i sees key j if j <= i + n_k - n_q.

        causal_mask(2, 3)  ->  [[0., 0., -inf],
                                [0., 0., 0.]]

    With more queries than keys, the first queries see no key: their rows are all -inf.
    """
    raise NotImplementedError("your turn")
