"""Who made the NaN?

The loss reads NaN. By then every tensor in sight is NaN, and the op that did it is long past. Given a
recording of a forward pass, op by op, find the one that was handed good numbers and gave back bad ones.
"""

import torch
from torch import Tensor


def first_bad_op(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    """Index of the first op that made a NaN or an infinity out of finite numbers; None if no op did.

    `trace` holds (name, inputs, output) for each op, in the order in which they ran; every op has an input.
    Tensors are of any dtype, integers and booleans too. What is finite in its own dtype is finite.

        [("div", [tensor([1., 1.]), tensor([0., 1.])], tensor([inf, 1.])),     made inf from finite numbers
         ("mul", [tensor([inf, 1.]), tensor([0., 0.])], tensor([nan, 0.]))]    was handed an inf        ->  0

    An op that only passes on what it was given has done nothing wrong: a mask of -inf in, -inf out.
    """
    ### BEGIN SOLUTION
    for i, (_, inputs, output) in enumerate(trace):
        made_bad = not torch.isfinite(output).all()
        if made_bad and all(torch.isfinite(x).all() for x in inputs):
            return i
    return None
    ### END SOLUTION
