"""Exactly k tokens

At each place most of the 128,256 tokens are nonsense, and together they are not very unlikely. Keep the k most likely
tokens, and share the whole probability among them. In bf16 many tokens are equally likely, so a rule must decide which
of them are kept.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def top_k(p: Float[Tensor, "*batch n"], k: int) -> Float[Tensor, "*batch n"]:
    """`p` with all but its k largest probabilities set to 0 and the rest scaled to add up to 1, for each row.

    Every token keeps its place. Of equal probabilities the lower id is kept, so that never more than k tokens are left.
    If k is n or more, all tokens are kept. Compute in float32 inside and round once, to the dtype of `p`. Each row has
    a positive sum.

        top_k(tensor([0.1, 0.4, 0.1, 0.4]), 2)    ->  [0., 0.5, 0., 0.5]
        top_k(tensor([0.25, 0.5, 0.25]), 2)       ->  [0.3333, 0.6667, 0.]    ids 0 and 2 tie

    Raises ValueError if k is less than 1.
    """
    raise NotImplementedError("your turn")
