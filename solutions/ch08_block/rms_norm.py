"""RMS norm: scale, and nothing else

Divide a vector by the root of the mean of its squares and multiply by a learned gain. RMS norm subtracts no mean and
adds no bias. Llama, Mistral and Qwen use only this norm.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def rms_norm(x: Float[Tensor, "*batch n"], gain: Float[Tensor, " n"], eps: float = 1e-6) -> Float[Tensor, "*batch n"]:
    """x / √(mean of x² + eps) · gain along the last axis, in the dtype of `x`, whatever dtype `gain` has.

    Compute in float32 inside, whatever the dtypes, and round once, after the gain. Write it yourself: torch's rms_norm
    is refused.

        x = [1., -1., 3., 5.], gain = [1., 1., 1., 2.]
        mean of squares 36/4 = 9, its root 3   ->   [0.3333, -0.3333, 1., 2 · 1.6667 = 3.3333]

    Zeros give zeros. Squares beyond the range of fp16 do no harm: [300., 400.] gives [0.8485, 1.1314].
    """
    ### BEGIN SOLUTION
    wide = x.float()
    mean_square = wide.square().mean(-1, keepdim=True)
    return (wide * torch.rsqrt(mean_square + eps) * gain.float()).to(x.dtype)
    ### END SOLUTION
