"""Predict the next token

A decoder's output at position t is its guess at the token at position t + 1. So one pass over a text of n tokens gives
n - 1 predictions. The loss is the mean cross-entropy of the predictions that count.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def next_token_loss(
    logits: Float[Tensor, "b n vocabulary"], labels: Int64[Tensor, "b n"], ignore: int = -100
) -> Float[Tensor, ""]:
    """The mean of -log p(next token), computed and returned in float32. Write it yourself: torch's cross_entropy and
    nll_loss are refused.

    `labels` are not shifted: labels[:, t] is the token at position t, and the logits at t predict labels[:, t + 1]. A
    target equal to `ignore` does not count. The mean is over all targets of the batch that count. If no target counts,
    the loss is 0.

        logits [[[0., 0.], [1., 0.], [5., 5.]]], labels [[0, 1, 0]]
        position 0 predicts token 1: -log 0.5 = 0.6931; position 1 predicts token 0: -log 0.7311 = 0.3133
        ->  0.5032
    """
    raise NotImplementedError("your turn")
