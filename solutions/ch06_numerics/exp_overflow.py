"""How far exp goes

exp grows by a factor of 2.7 a step, so every format runs out of it soon. Find the last x, itself a number of
the format, whose exp is still finite there. At the next number lies inf, and inf / inf is NaN.
"""

import math

import torch


def exp_overflow(dtype: torch.dtype) -> float:
    """The largest x of `dtype` whose exp(x), rounded to `dtype`, is finite; as a Python float, to the bit.

    `dtype` is torch.float16, bfloat16, float32 or float64. x must be a value that `dtype` can hold.

        exp_overflow(torch.bfloat16)  ->  88.5    bf16 has 88.5 and then 89.0; exp(88.5) = 2.7e38 is below its
                                                  largest value 3.39e38, exp(89) = 4.5e38 is above

    Raises TypeError for a dtype without fractions, such as torch.int32.
    """
    ### BEGIN SOLUTION
    x = torch.tensor(math.log(torch.finfo(dtype).max), dtype=dtype)  # may have been rounded up
    while torch.exp(x).isinf():
        x = torch.nextafter(x, torch.zeros_like(x))
    return x.item()
    ### END SOLUTION
