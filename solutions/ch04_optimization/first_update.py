"""How far the first step goes

Adam starts with moments of zero. A common explanation of warmup is that this makes the first steps extreme. Compute how
far the first step really goes: with the correction of the moments, without it, and on a ramp.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def first_update(
    g: Float[Tensor, "*shape"],
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    warmup: int = 0,
) -> dict[str, Float[Tensor, "*shape"]]:
    """How far Adam's first step moves each parameter, as a size ≥ 0, for the gradient `g` and moments of zero.

        {"corrected": ...,      with m̂ and v̂, as in adam_step at t = 1
         "uncorrected": ...}    with m and v as they are

    With warmup = n > 0 the first step has the learning rate lr / n, the first stage of a ramp of n steps. With warmup =
    0 it has lr.

        g = [0.5], lr = 0.1   ->   {"corrected": [0.1], "uncorrected": [0.3162]}
        by hand: m = 0.05 and √v = 0.5·√0.001 = 0.01581, and their ratio is 3.162. m̂ / √v̂ is 0.5 / 0.5.

    Both results are in the dtype of `g`, computed in float32 and rounded once. You need not run an optimizer: put zeros
    into the formulas of `adam_step` and simplify.
    """
    ### BEGIN SOLUTION
    size = torch.abs(g.float())
    rate = lr / max(1, warmup)
    first, root = (1 - betas[0]) * size, (1 - betas[1]) ** 0.5 * size
    return {
        "corrected": (rate * size / (size + eps)).to(g.dtype),
        "uncorrected": (rate * first / (root + eps)).to(g.dtype),
    }
    ### END SOLUTION
