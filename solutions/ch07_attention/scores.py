"""Attention scores as one contraction

Every query meets every key: 'bhqd,bhkd->bhqk', for batch, head, query, key and width. The letters say which axis is
summed (d) and which axes are kept. A longer sum has larger values, and the scale 1/√d corrects this.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def scores(q: Float[Tensor, "b h q d"], k: Float[Tensor, "b h k d"]) -> Float[Tensor, "b h q k"]:
    """q·k / √d for every query and key of each head, in the dtype of `q`, whatever dtype `k` has.

    Multiply and scale in float32, whatever the dtype, and round once. fp16 ends at 65,504: a sum of 70,000 must not
    overflow before the scale brings it back into range.

        q = [[[[1., 2.], [0., 1.]]]], k = [[[[3., 4.]]]], d = 2   ->   [[[[11/√2], [4/√2]]]]

    Raises ValueError if `q` and `k` differ in batch, heads or width. Do not broadcast an axis of size 1.
    """
    ### BEGIN SOLUTION
    if q.shape[:2] != k.shape[:2] or q.shape[3] != k.shape[3]:
        raise ValueError(f"q {tuple(q.shape)} and k {tuple(k.shape)} must agree in batch, heads and width")
    products = torch.einsum("bhqd,bhkd->bhqk", q.float(), k.float())
    return (products / q.shape[-1] ** 0.5).to(q.dtype)
    ### END SOLUTION
