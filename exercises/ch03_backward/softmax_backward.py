"""The backward pass of softmax

A softmax turns n scores into n weights. Each weight depends on every score, so the Jacobian has n · n elements. The
backward pass needs only the product of the upstream gradient with this Jacobian, and that takes one sum per row.
"""

from jaxtyping import Float
from torch import Tensor


def softmax_backward(p: Float[Tensor, "*batch n"], dp: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
    """The gradient ds with respect to the scores s, for p = softmax(s) along the last axis.

    It has the dtype of `p`, even if dp has another dtype.

    `p` holds the weights of the forward pass, and `dp` is the gradient with respect to them. The slope of p_i with
    respect to s_j is p_i (1 − p_i) for j = i and −p_i p_j for every other j.

    For every dtype, compute in float32 and round once. A row may hold hundreds of thousands of weights, and its n · n
    slopes do not fit into memory. In a row that was masked entirely, all weights are 0, and so is ds.

        p = [0.5, 0.5], dp = [1., 0.]              ->   [0.25, −0.25]
        p = [0.2, 0.3, 0.5], dp = [1., 2., 4.]     ->   [−0.36, −0.24, 0.6]       Σ p·dp = 2.8
    """
    raise NotImplementedError("your turn")
