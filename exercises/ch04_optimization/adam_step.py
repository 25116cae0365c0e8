"""A step of Adam

Adam divides the mean gradient by the root of the mean squared gradient, so every parameter moves by about lr, whatever
the size of its gradients. Both means start at zero and are too small at first, each by a factor that is known.
"""

import torch
from jaxtyping import Float
from torch import Tensor

Array = Float[Tensor, "*shape"]


def adam_step(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    t: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> tuple[Array, Array, Array]:
    """Parameters, first and second moment after step number `t`; the first step has t = 1, and zeros for `m` and `v`.

        m' = β₁·m + (1 − β₁)·g            a fading mean of the gradient
        v' = β₂·v + (1 − β₂)·g²           and of its square
        m̂ = m' / (1 − β₁ᵗ), v̂ = v' / (1 − β₂ᵗ)
        p' = p − lr·m̂ / (√v̂ + eps)

    The result is (p', m', v'): the moments without their correction, which is made anew at each step.

        p = [1.0], g = [0.5], m = v = [0.0], t = 1, lr = 0.1   ->   ([0.9], [0.05], [0.00025])
                                                  by hand: m̂ = 0.5, v̂ = 0.25, and 0.5 / √0.25 is 1

    Compute in float32, whatever the dtypes, and round each result once, to the dtype of what it replaces: `m` and `v`
    may be wider than `p` and `g`. All inputs are left as they were.

    Raises ValueError if t < 1.
    """
    raise NotImplementedError("your turn")
