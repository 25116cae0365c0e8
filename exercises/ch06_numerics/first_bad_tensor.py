"""Which tensor goes bad first?

A model that is healthy in float32 can give NaN in fp16. You have recorded the tensors of one pass, with their names, in
the order in which they were made. Find the first one that is bad, or that would be bad in the dtype you want to use.
"""

import torch
from torch import Tensor


def first_bad_tensor(recorded: list[tuple[str, Tensor]], dtype: torch.dtype) -> tuple[str, str] | None:
    """(name, kind) of the first tensor that is bad; None if all are good.

    `recorded` holds (name, tensor) in the order in which the tensors were made. They may have any dtype, also integers
    and booleans. `dtype` is float16, bfloat16 or float32: the dtype in which the model is to run. A cast to it rounds
    to the nearest value. A tensor's kind is the first of these four that holds:

        "nan"         it has a NaN
        "inf"         it has an infinity, of either sign
        "overflow"    it has a number that a cast to `dtype` makes infinite
        "underflow"   it has a number other than 0, and a cast to `dtype` makes all of the tensor 0

        [("scores", tensor([300., 2.])), ("square", tensor([90000., 4.])), ("exp", tensor([inf, 54.6]))]
        with float16   ->  ("square", "overflow")       90,000 is too large for fp16
        with bfloat16  ->  ("exp", "inf")
    """
    raise NotImplementedError("your turn")
