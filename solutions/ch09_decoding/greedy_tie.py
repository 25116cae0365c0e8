"""The order of a sum picks the token

Greedy decoding takes the largest logit, and a logit is a sum of thousands of products. A floating-point sum depends on
its order. Add the same numbers in several orders, and see which token wins each time.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def greedy_tie(terms: Float[Tensor, "vocab n"], orders: list[list[int]]) -> list[int]:
    """For each of `orders` the id of the token with the largest logit.

    The logit of a token is the sum of its row of `terms`. Add the columns to a running total in the given order,
    starting from 0, and round the total to the dtype of `terms` (float16, bfloat16 or float32) after every addition. If
    logits are equal, the lowest id wins.

        float16 terms [[2048., 0., 0.],
                       [2048., 1., 1.]]    above 2048 the spacing is 2, and a tie is rounded to the even neighbor

        order [0, 1, 2]:  2048 + 1 is 2048 again, twice: the logits are equal   ->  id 0
        order [1, 2, 0]:  1 + 1 = 2, and 2 + 2048 = 2050                        ->  id 1

    so the answer for both is [0, 1]. Raises ValueError if an order does not hold each column once.
    """
    ### BEGIN SOLUTION
    picks = []
    for order in orders:
        if sorted(order) != list(range(terms.shape[1])):
            raise ValueError(f"{order} does not hold each of {terms.shape[1]} columns once")
        logits = torch.zeros(len(terms), dtype=terms.dtype)
        for column in order:
            logits = logits + terms[:, column]
        picks.append(int(logits.argmax()))
    return picks
    ### END SOLUTION
