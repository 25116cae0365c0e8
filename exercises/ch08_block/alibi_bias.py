"""ALiBi: the further, the less

Instead of turning queries and keys, ALiBi subtracts from every score a penalty that grows with the distance of the two
tokens. Each head has its own slope, so some heads look far and some only nearby.
"""

import torch
from jaxtyping import Float32
from torch import Tensor


def alibi_bias(heads: int, n_q: int, n_k: int) -> Float32[Tensor, "heads n_q n_k"]:
    """What to add to the scores before softmax, in float32, with the causal mask in it.

    -slope · distance for a key at or before the query, -inf for a key after it. The last query belongs to the last key,
    as in `causal_mask`: query i stands at position i + n_k - n_q. The slopes of heads 0, 1, 2, ... are 2^(-8/heads),
    2^(-16/heads), 2^(-24/heads), ..., down to 2^-8 for the last.

        alibi_bias(8, 2, 3)[0]  ->  [[-0.5, 0., -inf],
                                     [-1., -0.5, 0.]]      the slope of the first of 8 heads is 1/2

    Raises ValueError if `heads` is not a power of two.
    """
    raise NotImplementedError("your turn")
