"""A step of Adam

Adam divides the mean of the gradient by the root of the mean of its square. So every parameter moves by about lr,
whatever the size of its gradients. Both means start at zero and are too small at first. The correction divides each
mean by a known factor.
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
    """Parameters, first moment and second moment after step number `t`.

    The first step has t = 1, with zeros for `m` and `v`.

        m' = β₁·m + (1 − β₁)·g            a running mean of the gradient
        v' = β₂·v + (1 − β₂)·g²           a running mean of its square
        m̂ = m' / (1 − β₁ᵗ), v̂ = v' / (1 − β₂ᵗ)
        p' = p − lr·m̂ / (√v̂ + eps)

    The result is (p', m', v'). The moments are returned without the correction, because every step computes the
    correction again.

        p = [1.0], g = [0.5], m = v = [0.0], t = 1, lr = 0.1   ->   ([0.9], [0.05], [0.00025])
                                                  by hand: m̂ = 0.5, v̂ = 0.25, and 0.5 / √0.25 is 1

    Compute in float32, whatever the dtypes, and round each result once, to the dtype of the input that it replaces: `m`
    and `v` may be wider than `p` and `g`. The inputs are not changed.

    Raises ValueError if t < 1.
    """
    ### BEGIN SOLUTION
    if t < 1:
        raise ValueError("steps are counted from 1")
    grad = g.float()
    first = betas[0] * m.float() + (1 - betas[0]) * grad
    second = betas[1] * v.float() + (1 - betas[1]) * grad * grad
    mean = first / (1 - betas[0] ** t)
    spread = torch.sqrt(second / (1 - betas[1] ** t))
    moved = p.float() - lr * mean / (spread + eps)
    return moved.to(p.dtype), first.to(m.dtype), second.to(v.dtype)
    ### END SOLUTION
