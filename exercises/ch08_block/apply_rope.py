"""Turn the pairs

RoPE turns every query and every key, pair by pair, by the angles of its position. A dot product does not change when
both vectors turn by the same angle. So a score depends only on the difference of the angles, and thus on the distance
between the tokens.
"""

import torch
from jaxtyping import Float, Float32
from torch import Tensor


def apply_rope(
    x: Float[Tensor, "*heads n width"], angles: Float32[Tensor, "n width/2"]
) -> Float[Tensor, "*heads n width"]:
    """Queries or keys `x`, turned by `angles`, in the dtype of `x`.

    Pair i consists of the values i and i + width/2, as in Llama's checkpoints for transformers. (a, b) becomes
    (a cos - b sin, a sin + b cos). Compute everything in float32, also cos and sin, and round once at the end.

        x = [[1., 2., 3., 4.]], angles = [[π/2, π]]
        pairs (1, 3) and (2, 4): a quarter turn gives (-3, 1), half a turn (-2, -4)
        ->  [[-3., -2., 1., -4.]]

    Raises ValueError unless `angles` has one row for each of the n tokens and one column for each pair. A single row
    is not broadcast over the tokens.
    """
    raise NotImplementedError("your turn")
