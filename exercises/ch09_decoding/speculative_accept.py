"""Drafts that leave no trace

A small model drafts a few tokens, and the large one checks them all in one pass, for the price of one token. Accepting
a draft with the right probability, and drawing another token from the right distribution otherwise, gives texts of
exactly the large model's distribution, however bad the drafts are.
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
    """The tokens to append: drafts up to the first that is rejected, and one more.

    p[i] is the large model's distribution for the place of drafts[i], given the drafts before it, and q[i] the small
    model's, from which drafts[i] was drawn; so q[i] is positive there. p has one row more, for the place after the last
    draft.

    From the first place on: draft x is accepted if u[i] < p[i][x] / q[i][x]. The first that is not is replaced by a
    token that v draws from the residual, max(p[i] − q[i], 0) for each token, and the rest is dropped. If all are
    accepted, v draws one token more, from the last row of p. Use `draw` for either. The numbers u and v are in [0, 1).

        p = [[0.5, 0.25, 0.25], [0., 0., 1.]], q = [[0.25, 0.5, 0.25]]
        drafts [1], u [0.4]   0.4 <  0.25/0.5: accepted; then v draws from p[1]          ->  [1, 2]
        drafts [1], u [0.6]   0.6 >= 0.25/0.5: rejected; the residual is [0.25, 0, 0]    ->  [0]
    """
    raise NotImplementedError("your turn")
