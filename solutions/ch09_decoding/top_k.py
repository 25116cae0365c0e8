"""Exactly k tokens

Of 128,256 tokens most are nonsense at any one place, and together they are not that unlikely. Keep the k likeliest, and
share the whole probability among them. In bf16 many tokens are equally likely, so decide who is in.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def top_k(p: Float[Tensor, "*batch n"], k: int) -> Float[Tensor, "*batch n"]:
    """`p` with all but its k largest probabilities set to 0 and the rest scaled to add up to 1, for each row.

    Every token keeps its place. Of equal probabilities the lower id is kept, so that never more than k are left; if k
    is n or more, all are. Compute in float32 inside and round once, to the dtype of `p`. Each row has a positive sum.

        top_k(tensor([0.1, 0.4, 0.1, 0.4]), 2)    ->  [0., 0.5, 0., 0.5]
        top_k(tensor([0.25, 0.5, 0.25]), 2)       ->  [0.3333, 0.6667, 0.]    ids 0 and 2 tie

    Raises ValueError if k is less than 1.
    """
    ### BEGIN SOLUTION
    if k < 1:
        raise ValueError(f"no token is left to choose from with k = {k}")
    ids = torch.sort(p, dim=-1, descending=True, stable=True).indices[..., :k]
    kept = torch.zeros(p.shape).scatter(-1, ids, p.float().gather(-1, ids))
    return (kept / kept.sum(-1, keepdim=True)).to(p.dtype)
    ### END SOLUTION
