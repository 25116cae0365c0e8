"""Drafts that do not change the distribution

A small model drafts a few tokens, and the large model checks all of them in one pass, which takes about as long as one
token. Accept each draft with the right probability, and otherwise draw another token from the right distribution. Then
the texts have exactly the distribution of the large model, even if the drafts are bad.
"""

import torch
from jaxtyping import Float32
from torch import Tensor


def draw(weights: Float32[Tensor, "n"], v: float) -> int:
    """`sample`, given: the token that the number v, 0 <= v < 1, draws from weights of any positive sum."""
    ends = weights.cumsum(-1)
    return int((ends <= v * ends[-1]).sum())


def speculative_accept(
    p: Float32[Tensor, "m_plus_1 n"], q: Float32[Tensor, "m n"], drafts: list[int], u: list[float], v: float
) -> list[int]:
    """The tokens to append: the drafts before the first rejected draft, and one more token.

    p[i] is the large model's distribution at the place of drafts[i], given the drafts before it. q[i] is the small
    model's distribution, from which drafts[i] was drawn, so q[i] is positive there. p has one more row, for the place
    after the last draft.

    From the first place on: draft x is accepted if u[i] < p[i][x] / q[i][x]. The first draft that is not accepted is
    replaced by a token that v draws from the residual, max(p[i] − q[i], 0) for each token, and the later drafts are
    dropped. If all are accepted, v draws one more token, from the last row of p. Use `draw` in both cases. The numbers
    u and v are in [0, 1).

        p = [[0.5, 0.25, 0.25], [0., 0., 1.]], q = [[0.25, 0.5, 0.25]]
        drafts [1], u [0.4]   0.4 <  0.25/0.5: accepted; then v draws from p[1]          ->  [1, 2]
        drafts [1], u [0.6]   0.6 >= 0.25/0.5: rejected; the residual is [0.25, 0, 0]    ->  [0]
    """
    ### BEGIN SOLUTION
    for i, x in enumerate(drafts):
        if u[i] * q[i, x] >= p[i, x]:
            return [*drafts[:i], draw(torch.relu(p[i] - q[i]), v)]
    return [*drafts, draw(p[-1], v)]
    ### END SOLUTION
