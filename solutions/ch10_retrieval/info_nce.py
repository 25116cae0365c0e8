"""Every other row is a negative

An embedding model learns from pairs: query i belongs to positive i. The positives of all other queries in the batch are
its negatives. So a batch of n pairs is n questions with n choices each, and the loss is a cross-entropy.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def info_nce(queries: Float[Tensor, "n d"], positives: Float[Tensor, "n d"], temperature: float) -> Float[Tensor, ""]:
    """The mean over i of −log p(i | query i), as a tensor without axes, in the dtype of `queries`.

    p(j | query i) is the softmax, over all j, of (query i · positive j) / temperature. Use the vectors as they are: a
    caller who wants cosines normalizes them before the call. Compute in float32, whatever the two dtypes, and round
    once. The result is finite for logits of 1e5.

        queries = positives = [[1., 0.], [0., 1.]], temperature 1   ->  log(e + 1) − 1 = 0.3133
        the same at temperature 0.1                                 ->  log(1 + e⁻¹⁰) = 0.0000454
        one pair                                                    ->  0: there is no other choice

    Raises ValueError if the two shapes differ, or if there is no pair.
    """
    ### BEGIN SOLUTION
    if queries.shape != positives.shape or not len(queries):
        raise ValueError(f"{tuple(queries.shape)} and {tuple(positives.shape)} make no pairs")
    logits = queries.float() @ positives.float().T / temperature
    return (torch.logsumexp(logits, dim=1) - logits.diagonal()).mean().to(queries.dtype)
    ### END SOLUTION
