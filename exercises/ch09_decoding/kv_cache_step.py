"""New tokens against a cache

The keys and values of past tokens do not change, so a decoder keeps them. A step computes only the new tokens, one or a
few, and must return the same as the full pass: its positions continue at the end of the cache, and its mask ends
there too.
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
    """(the result of one head of causal attention for m new tokens, the longer keys, the longer values).

    `keys` and `values` belong to the n tokens before; n = 0 is the prefill of a prompt. New token i has position n + i:
    add that row of `positions` to it, then multiply by the transposed weights, stored (out, in), for its query, key and
    value. Its attention weights are the softmax of query·key / √w over the cache, the new tokens before it and itself.
    Do not change the given cache.

    Everything has one dtype. Compute in float32 inside and round each of the three results once. Attention may read
    the new keys and values before or after that rounding.

        d = w = 1, all three weights [[1.]], positions [[0.], [1.], [2.]]
        cache of two tokens: keys [[[1.], [0.]]], values [[[4.], [2.]]];  x = [[[-2.]]]
        the new token is -2 + 2 = 0, its query 0, its weights a third each
        ->  [[[2.]]],  [[[1.], [0.], [0.]]],  [[[4.], [2.], [0.]]]

    Raises ValueError if the new tokens go beyond the last position. m is at least 1.
    """
    raise NotImplementedError("your turn")
