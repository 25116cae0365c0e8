"""The smallest set that is likely enough

Top-k keeps as many tokens when the model is sure as when it is not. Nucleus sampling asks for a share of the
probability instead: the likeliest tokens, as few as together reach it. The token that crosses the line belongs to them.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def top_p(p: Float[Tensor, "*batch n"], mass: float) -> Float[Tensor, "*batch n"]:
    """Each row of `p` with only its nucleus left, scaled to add up to 1.

    The nucleus is the fewest tokens whose probabilities, added up from the largest down, reach `mass` (are at least
    as much), and never fewer than one; if even all of them stay below, it is all. Of equal probabilities the lower id
    comes first. Every token keeps its place. Compute in float32 inside and round once, to the dtype of `p`.

        p = [0.125, 0.5, 0.125, 0.25]    mass 0.5  ->  [0., 1., 0., 0.]            0.5 reaches it
                                         mass 0.6  ->  [0., 0.6667, 0., 0.3333]    0.5 + 0.25 does
                                         mass 0    ->  [0., 1., 0., 0.]            one at least

    Raises ValueError if `mass` is not between 0 and 1.
    """
    raise NotImplementedError("your turn")
