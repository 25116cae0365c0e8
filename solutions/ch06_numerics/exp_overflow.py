"""How far exp goes

exp grows by a factor of 2.7 with each step of 1, so it soon exceeds the largest value of every format. Find the
last number x of the format whose exp is still finite there. At the next number exp is inf, and inf / inf is NaN.
"""

import math

import torch


def exp_overflow(dtype: torch.dtype) -> float:
    """The largest x of `dtype` whose exp(x), rounded to `dtype`, is finite; as a Python float, exact to the bit.

    `dtype` is torch.float16, bfloat16, float32 or float64. x must be a value that `dtype` can hold.

        exp_overflow(torch.bfloat16)  ->  88.5    the bf16 number after 88.5 is 89.0; exp(88.5) = 2.7e38 is below
                                                  the largest bf16, 3.39e38, and exp(89) = 4.5e38 is above it

    Raises TypeError for a dtype without fractions, such as torch.int32.
    """
    ### BEGIN SOLUTION
    x = torch.tensor(math.log(torch.finfo(dtype).max), dtype=dtype)  # may have been rounded up
    while torch.exp(x).isinf():
        x = torch.nextafter(x, torch.zeros_like(x))
    return x.item()
    ### END SOLUTION
