"""ALiBi: a penalty for distance

ALiBi does not turn queries and keys. It subtracts a penalty from every score. The penalty grows with the distance
between the two tokens. Each head has its own slope, so some heads see far and some see only nearby tokens.
"""

import torch
from jaxtyping import Float32
from torch import Tensor


def alibi_bias(heads: int, n_q: int, n_k: int) -> Float32[Tensor, "heads n_q n_k"]:
    """The bias to add to the scores before softmax, in float32. It includes the causal mask.

    The bias is -slope · distance for a key at or before the query, and -inf for a key after it. The last query has the
    position of the last key, as in `causal_mask`: query i is at position i + n_k - n_q. The slopes of heads 0, 1, 2,
    ... are 2^(-8/heads), 2^(-16/heads), 2^(-24/heads), and so on; the last is 2^-8.

        alibi_bias(8, 2, 3)[0]  ->  [[-0.5, 0., -inf],
                                     [-1., -0.5, 0.]]      the slope of the first of 8 heads is 1/2

    Raises ValueError if `heads` is not a power of two.
    """
    raise NotImplementedError("your turn")
