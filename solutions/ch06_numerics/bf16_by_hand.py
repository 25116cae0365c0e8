"""bf16, bit by bit

A bf16 number is the upper half of an fp32 number: the same sign, the same 8 exponent bits, and the first 7 of 23
fraction bits. The lower half needs care. If you just cut it off, you round toward zero, and the errors add up in a sum
of a thousand such values.
"""

import torch
from jaxtyping import BFloat16, Float32
from torch import Tensor


def bf16_by_hand(x: Float32[Tensor, "*shape"]) -> BFloat16[Tensor, "*shape"]:
    """`x` rounded to the nearest bf16 number, ties to even, from the bits of `x` (`x.view(torch.int32)`).

    A value that is too large becomes inf with its sign. NaN stays NaN. Subnormals are kept. -0.0 keeps its sign.

        bits of 1.00390625 (halfway between two bf16 numbers):  0x3F80 8000  ->  0x3F80, which is 1.0
        bits of 1.01171875 (halfway again):                     0x3F81 8000  ->  0x3F82, which is 1.015625

    Compute the 16 bits as integers, and convert them with `.view(torch.bfloat16)` at the end. `x.bfloat16()` would pass
    too, but then you learn nothing.
    """
    ### BEGIN SOLUTION
    bits = x.view(torch.int32)
    last_kept = (bits >> 16) & 1
    upper = (bits + 0x7FFF + last_kept) >> 16  # just under a half, plus the bit that decides a tie
    upper = torch.where(x.isnan(), 0x7FC0, upper)
    return upper.to(torch.int16).view(torch.bfloat16)
    ### END SOLUTION
