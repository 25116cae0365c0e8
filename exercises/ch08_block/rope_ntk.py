"""Stretch the context by the base

A model trained on 4,096 tokens has never seen its slowest pairs beyond a certain angle. With a larger base the pairs
turn more slowly. Choose the base so that the slowest pair stays within its known angles for a context that is `factor`
times as long.
"""

import torch
from jaxtyping import Float32
from torch import Tensor


def rope_ntk(width: int, base: float, factor: float) -> Float32[Tensor, " width/2"]:
    """The frequencies of all pairs after the "NTK-aware" change of base, in float32.

    The new base is base · factor^(width / (width - 2)). The frequency of pair i is the new base to the power of
    -2i / width, as before. So the first pair keeps its frequency of 1, and the last turns `factor` times more slowly.

        rope_ntk(4, 100.0, 3.0)  ->  [1., 0.0333]     the base becomes 100 · 3^2 = 900; it was [1., 0.1]

    Raises ValueError if `width` is odd or less than 4, or `factor` less than 1.
    """
    raise NotImplementedError("your turn")
