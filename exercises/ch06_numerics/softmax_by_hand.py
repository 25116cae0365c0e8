"""Softmax by its definition

Softmax takes e to the power of every score, and divides by the sum of these powers. The results are positive and add up
to 1. The scores here are small, so you can use the formula as it is. The axis of the sum needs care.
"""

import torch
from jaxtyping import Float32
from torch import Tensor


def softmax_by_hand(x: Float32[Tensor, "*shape"], dim: int) -> Float32[Tensor, "*shape"]:
    """exp(x) / Σ exp(x), where the sum runs along axis `dim`. Same shape and dtype as `x`.

        softmax_by_hand(tensor([1., 2., 3.]), 0)            ->  e, e², e³ over their sum 30.19:
                                                                [0.0900, 0.2447, 0.6652]
        softmax_by_hand(tensor([[0., 0.], [0., 5.]]), 0)    ->  columns add up to 1:
                                                                [[0.5, 0.0067], [0.5, 0.9933]]

    A negative `dim` counts from the end, as everywhere in torch. Raises IndexError if `x` has no axis `dim`:
    [1., 2., 3.] has axis 0 (also called -1) and no axis 1.
    """
    raise NotImplementedError("your turn")
