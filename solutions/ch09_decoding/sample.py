"""One number draws a token

To draw from a distribution, lay its probabilities end to end along a line and see where a uniform random number falls.
With this number given, sampling is an ordinary function and can be tested.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def sample(p: Float[Tensor, "*batch n"], u: Float[Tensor, "*batch"]) -> Int64[Tensor, "*batch"]:
    """For each row of `p` the token that its number `u`, 0 <= u < 1, draws.

    In the order of the ids, the interval of token i starts at the sum of all probabilities before it and ends at the
    sum up to and including it. The end does not belong to the interval. The drawn token is the token in whose interval
    u · (sum of the whole row) falls. So a row need not add up to exactly 1, and a token of probability 0 is never
    drawn. `u` is float32; compute in float32 whatever the dtype of `p`.

        p = [0.25, 0., 0.25, 0.5]    u = 0 and 0.2 -> 0,    u = 0.25 and 0.4 -> 2,    u = 0.5 and 0.9 -> 3

    Raises ValueError if a number of `u` is below 0, or 1 or more.
    """
    ### BEGIN SOLUTION
    if torch.any((u < 0) | (u >= 1)):
        raise ValueError("u must be in [0, 1)")
    ends = p.float().cumsum(-1)
    spot = u * ends[..., -1]
    return (ends <= spot.unsqueeze(-1)).sum(-1)
    ### END SOLUTION
