"""The log of a sum of exps

Every loss over a vocabulary ends in log Σ exp(x), and so does every attention kernel that works in blocks. The result
is at most slightly larger than the largest x. But the powers that you compute on the way can overflow or become 0.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def logsumexp(x: Float[Tensor, "*batch n"], dim: int = -1) -> Float[Tensor, "*batch"]:
    """log Σ exp(x) along `dim`, which is removed: (3, 5) becomes (3,) for dim=-1. In the dtype of `x`.

    Finite for every row of finite numbers. Compute in float32, whatever the dtype of `x`, and round once. Write it
    yourself: torch's logsumexp, logcumsumexp and softmax are refused.

        logsumexp(tensor([0., 0.]))        ->  tensor(0.6931)      log(1 + 1)
        logsumexp(tensor([1000., 999.]))   ->  tensor(1000.3133)   1000 + log(1 + 1/e)

    An empty sum is 0, and its logarithm is -inf. This is the result for a row that holds only -inf (everything is
    masked) and for a row of length 0. A row that holds +inf gives +inf.

    Raises IndexError if `x` has no axis `dim`.
    """
    ### BEGIN SOLUTION
    scores = x.float()
    if scores.shape[dim] == 0:  # no maximum to take
        return scores.sum(dim).log().to(x.dtype)
    top = scores.amax(dim, keepdim=True)
    top = top.masked_fill(top.isinf(), 0.0)  # inf - inf is NaN, of either sign
    total = torch.exp(scores - top).sum(dim, keepdim=True)
    return (top + torch.log(total)).squeeze(dim).to(x.dtype)
    ### END SOLUTION
