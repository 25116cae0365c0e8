"""Who made the NaN?

The loss is NaN. By then every tensor that you look at is NaN, and the op that caused this ran long before. You have a
recording of a forward pass, op by op. Find the op that got good numbers and returned bad ones.
"""

import torch
from torch import Tensor


def first_bad_op(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    """Index of the first op that made a NaN or an infinity from finite numbers; None if no op did.

    `trace` holds (name, inputs, output) for each op, in the order in which they ran. Every op has an input. Tensors may
    have any dtype, also integers and booleans. A value counts as finite if it is finite in its own dtype.

        [("div", [tensor([1., 1.]), tensor([0., 1.])], tensor([inf, 1.])),     made inf from finite numbers
         ("mul", [tensor([inf, 1.]), tensor([0., 0.])], tensor([nan, 0.]))]    was given an inf              ->  0

    An op that only passes bad inputs on is not the cause. For example, a mask of -inf goes in and -inf comes out.
    """
    ### BEGIN SOLUTION
    for i, (_, inputs, output) in enumerate(trace):
        made_bad = not torch.isfinite(output).all()
        if made_bad and all(torch.isfinite(x).all() for x in inputs):
            return i
    return None
    ### END SOLUTION
