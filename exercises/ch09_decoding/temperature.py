"""Temperature, down to zero

A model returns logits. The temperature decides how much more probable the most likely token is than the others.
Temperature 0 is a convention and not a formula: take the token with the largest logit, without a division.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def temperature(logits: Float[Tensor, "*batch n"], t: float) -> Float[Tensor, "*batch n"]:
    """The softmax of logits / t along the last axis, in the dtype of `logits`.

    Compute in float32 inside, whatever the dtype, and round once at the end. The result is finite for every t > 0,
    however small (down to 1e-37): where logits / t would overflow, the most likely tokens have all the probability. At
    t = 0 a single token has all the probability: the token with the largest logit, or the lowest id among equal logits.
    A logit may be -inf (a token that is ruled out), but not all logits of a row.

        logits [0., 0.6931]      t = 1    ->  [0.3333, 0.6667]    0.6931 is log 2
                                 t = 0.5  ->  [0.2, 0.8]          odds of 2 become odds of 4
                                 t = 0    ->  [0., 1.]

    Raises ValueError if t is negative.
    """
    raise NotImplementedError("your turn")
