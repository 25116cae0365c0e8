"""Why scores are divided by √d

A score is a sum of d products, and the variance of a sum grows with its number of terms. Measure the variance of the
scores of given queries and keys, before and after the division by √d.
"""

import torch
from jaxtyping import Float, Float32
from torch import Tensor


def score_variance(q: Float[Tensor, "n_q d"], k: Float[Tensor, "n_k d"]) -> Float32[Tensor, "2"]:
    """Variance of all n_q · n_k scores q·k, and variance of the scores divided by √d, as a tensor of two numbers.

    All scores form one matrix with one mean. Its variance is the sum of the squared distances from this mean, divided
    by the number of scores (not by one less). Compute in float32 and return float32, whatever the dtypes.

        q = [[1., 1.]], k = [[3., 0.], [0., 1.]], d = 2:  scores 3 and 1, mean 2
        score_variance(q, k)  ->  tensor([1.0, 0.5])
    """
    ### BEGIN SOLUTION
    scores = q.float() @ k.float().T
    scaled = scores / q.shape[1] ** 0.5
    return torch.stack([scores.var(correction=0), scaled.var(correction=0)])
    ### END SOLUTION
