"""Multiply in int8, add in int32

The product of two int8 numbers needs 16 bits, and a row of products adds up to much more, so the sum needs an int32.
Each row of x and each row of w has one scale. A scale is the same for every term of a sum, so apply it after the sum.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def int8_matmul(x: Float[Tensor, "n k"], w: Float[Tensor, "m k"]) -> Float[Tensor, "n m"]:
    """x @ w.T in int8: quantize the rows of both, multiply the integers, scale the result back.

    Each row of `x` (a token) and each row of `w` (an output channel) has a scale: its largest |value| divided by 127. A
    value becomes the integer nearest to value / scale; a row of zeros stays zeros. Products are added in int32,
    exactly, and each sum is multiplied by its two scales. Compute scales and result in float32 and round once, to the
    dtype of `x`, whatever the dtype of `w` is.

        x = [[1.27, 0.444]]   scale 0.01   integers [127, 44]
        w = [[1.27, -0.3]]    scale 0.01   integers [127, -30]
        127 · 127 − 44 · 30 = 14809   ->   [[1.4809]]       (x @ w.T itself is 1.4797)

    Raises ValueError if the rows of `x` and `w` differ in length.
    """
    ### BEGIN SOLUTION
    if x.shape[1] != w.shape[1]:
        raise ValueError(f"rows of x have {x.shape[1]} values, but rows of w have {w.shape[1]}")
    integers, scales = [], []
    for rows in (x.float(), w.float()):
        scale = rows.abs().amax(1, keepdim=True) / 127
        scale = torch.where(scale == 0, 1.0, scale)
        integers.append(torch.round(rows / scale).to(torch.int8))
        scales.append(scale)
    total = integers[0].to(torch.int32) @ integers[1].to(torch.int32).T
    return (total * scales[0] * scales[1].T).to(x.dtype)
    ### END SOLUTION
