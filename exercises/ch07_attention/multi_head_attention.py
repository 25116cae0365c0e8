"""Six products and a softmax

This is the whole attention layer: queries, keys and values, the scores, softmax, the weighted sum, and the projection
that mixes the heads. Each head computes its attention separately.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def multi_head_attention(
    x: Float[Tensor, "b n d_model"],
    w_q: Float[Tensor, "inner d_model"],
    w_k: Float[Tensor, "inner d_model"],
    w_v: Float[Tensor, "inner d_model"],
    w_o: Float[Tensor, "d_model inner"],
    heads: int,
    causal: bool = False,
) -> Float[Tensor, "b n d_model"]:
    """Self-attention of the tokens of each sequence, without biases, in the dtype of `x`, whatever dtype the
    weights have.

    Compute in float32 inside, whatever the dtype, and round once at the end. All four weights are stored (out, in), as
    in nn.Linear: the queries are x times w_q transposed. The first inner/heads numbers of a query belong to head 0, the
    next to head 1, and so on. The scores are divided by the square root of this width. `inner` may differ from d_model.
    The results of the heads are placed side by side in this order before w_o. With `causal`, token i sees only tokens 0
    to i.

        heads 2, x = [[[1., 0.], [0., 1.]]], w_q, w_k and w_v [[1., 0.], [0., 1.]], w_o [[1., 1.], [0., 2.]]
        head 0: queries, keys and values are 1 and 0, the scores [[1, 0], [0, 0]], the weights
                [[0.7311, 0.2689], [0.5, 0.5]], the results 0.7311 and 0.5
        head 1: queries, keys and values are 0 and 1, the results 0.5 and 0.7311
        row 0 of w_o adds the two heads, row 1 doubles head 1
        ->  [[[1.2311, 1.], [1.2311, 1.4621]]]

    Raises ValueError if `heads` does not divide inner.
    """
    raise NotImplementedError("your turn")
