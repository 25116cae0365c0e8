"""Weight decay outside the gradient

Weight decay pulls every weight toward zero by a fraction of itself. L2 regularization adds the decay to the gradient,
and Adam then divides it by the size of past gradients. AdamW keeps decay and gradient apart. Start from your
`adam_step`.
"""

import torch
from jaxtyping import Float
from torch import Tensor

Array = Float[Tensor, "*shape"]


def adamw_step(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    t: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    decay: float = 0.01,
) -> tuple[Array, Array, Array]:
    """(p', m', v') after step number `t` of Adam with decoupled weight decay, by PyTorch's convention.

    Each parameter loses the fraction lr · decay of the value that it had before the step. In addition it moves by
    Adam's step. The decay does not enter the moments.

        p = [2.0], g = [1.0], m = v = [0.0], t = 1, lr = 0.1, decay = 0.1   ->   ([1.88], [0.1], [0.001])
                                         by hand: 2 loses 0.1 · 0.1 · 2 = 0.02, and Adam's first step is 0.1

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
    moved = p.float() * (1 - lr * decay) - lr * mean / (spread + eps)
    return moved.to(p.dtype), first.to(m.dtype), second.to(v.dtype)
    ### END SOLUTION
