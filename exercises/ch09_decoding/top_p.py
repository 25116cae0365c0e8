"""The smallest set that is likely enough

Top-k keeps the same number of tokens whether the model is sure or not. Nucleus sampling (top-p) keeps a share of the
probability instead: the fewest of the most likely tokens that together reach it. The token that crosses the line is
kept.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def top_p(p: Float[Tensor, "*batch n"], mass: float) -> Float[Tensor, "*batch n"]:
    """Each row of `p` with only its nucleus left, scaled to add up to 1.

    To find the nucleus, add up the probabilities, the largest first, until the sum is at least `mass`. The nucleus is
    the tokens in this sum, and never fewer than one. If the sum of all tokens stays below `mass`, the nucleus is all
    tokens. Of equal probabilities the lower id comes first. Every token keeps its place. Compute in float32 inside and
    round once, to the dtype of `p`.

        p = [0.125, 0.5, 0.125, 0.25]    mass 0.5  ->  [0., 1., 0., 0.]            0.5 reaches it
                                         mass 0.6  ->  [0., 0.6667, 0., 0.3333]    0.5 + 0.25 reaches it
                                         mass 0    ->  [0., 1., 0., 0.]            at least one token

    Raises ValueError if `mass` is not between 0 and 1.
    """
    raise NotImplementedError("your turn")
