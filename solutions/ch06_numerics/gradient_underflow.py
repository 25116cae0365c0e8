"""Gradients that vanish without a NaN

Gradients are small, and fp16 has no numbers between 0 and 6e-8. A gradient that rounds to zero leaves no trace in
the loss; its weight just stops learning. Loss scaling multiplies everything by a large factor before the cast.
"""

import torch
from jaxtyping import Float32
from torch import Tensor


def gradient_underflow(g: Float32[Tensor, "*shape"], scale: int) -> dict[str, float]:
    """The share of the gradients in `g` that a 16-bit format turns into zero: Python floats from 0.0 to 1.0.

        "float16":         cast to fp16 as they are
        "bfloat16":        cast to bf16 as they are
        "float16_scaled":  multiplied by `scale`, then cast to fp16

    Count only the entries of `g` that are not zero: an entry that was zero before is not lost. If there are none, every
    share is 0.0. An entry that becomes infinite is not zero. All entries of `g` are finite.

        gradient_underflow(tensor([1e-3, 1e-8, 0., 0.]), scale=65536)
            ->  {"float16": 0.5, "bfloat16": 0.0, "float16_scaled": 0.0}
    """
    ### BEGIN SOLUTION
    real = g[g != 0]

    def lost(cast: Tensor) -> float:
        return (cast == 0).sum().item() / max(1, real.numel())

    return {
        "float16": lost(real.to(torch.float16)),
        "bfloat16": lost(real.to(torch.bfloat16)),
        "float16_scaled": lost((real * scale).to(torch.float16)),
    }
    ### END SOLUTION
