"""New tokens against a cache

Keys and values of a token never change once it is written, so a decoder keeps them. A step then computes the new tokens
only, one or a few, and must return what the full pass would: the positions go on where the cache ends, and so does the
mask.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def kv_cache_step(
    x: Float[Tensor, "b m d"],
    keys: Float[Tensor, "b n w"],
    values: Float[Tensor, "b n w"],
    w_q: Float[Tensor, "w d"],
    w_k: Float[Tensor, "w d"],
    w_v: Float[Tensor, "w d"],
    positions: Float[Tensor, "most d"],
) -> tuple[Float[Tensor, "b m w"], Float[Tensor, "b n_plus_m w"], Float[Tensor, "b n_plus_m w"]]:
    """(what one head of causal attention gives for m new tokens, the longer keys, the longer values).

    `keys` and `values` hold the n tokens before; n = 0 is the prefill of a prompt. New token i stands at place n + i:
    add that row of `positions` to it, then multiply by the weights (out, in), transposed, for its query, key and
    value. Its weights are the softmax of query·key / √w over the cache, the new tokens before it and itself. The given
    cache stays as it is.

    Everything is in one dtype. Compute in float32 inside and round each of the three results once; attention may read
    the new keys and values before or after that rounding.

        d = w = 1, all three weights [[1.]], positions [[0.], [1.], [2.]]
        cache of two tokens: keys [[[1.], [0.]]], values [[[4.], [2.]]];  x = [[[-2.]]]
        the new token is -2 + 2 = 0, its query 0, its weights a third each
        ->  [[[2.]]],  [[[1.], [0.], [0.]]],  [[[4.], [2.], [0.]]]

    Raises ValueError if the new tokens go beyond the last position. m is at least 1.
    """
    raise NotImplementedError("your turn")
