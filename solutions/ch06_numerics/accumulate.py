"""The accumulator decides

A dot product adds thousands of small products to one growing total. Digits are lost in the total: bf16 keeps 8 bits of
it. So when the total is 256, adding a product of 1 no longer changes it. Follow the total, product by product.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def accumulate(a: Float[Tensor, "n"], b: Float[Tensor, "n"], accumulator: torch.dtype) -> Float[Tensor, "n"]:
    """The running total of a[0]·b[0] + a[1]·b[1] + ... after each product, in the dtype `accumulator`.

    `a` and `b` are bfloat16 or float16. Multiply and add in float32, where a product of two 16-bit floats is exact. Add
    one product after the other. After every addition round the total to `accumulator` (bfloat16, float16 or float32).

        a = [256., 1., 1.], b = [1., 1., 1.]   float32   ->  [256., 257., 258.]
                                               bfloat16  ->  [256., 256., 256.]

    Tests compare every bit. Raises ValueError if `a` and `b` differ in length.
    """
    ### BEGIN SOLUTION
    if len(a) != len(b):
        raise ValueError(f"{len(a)} numbers cannot be paired with {len(b)}")
    totals = torch.zeros(len(a), dtype=accumulator)
    total = torch.tensor(0.0)
    for i, product in enumerate(a.float() * b.float()):
        total = (total + product).to(accumulator).float()
        totals[i] = total
    return totals
    ### END SOLUTION
