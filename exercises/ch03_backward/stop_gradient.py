"""Where a gradient stops

`detach()` gives a tensor with the same numbers and no history. `torch.no_grad()` records none of the operations inside
it. Five short programs use them. For each program, give its value and the gradient that x gets.
"""

import torch
from jaxtyping import Float32
from torch import Tensor


def stop_gradient(x: Float32[Tensor, "*shape"], dy: Float32[Tensor, "*shape"]) -> dict[str, tuple[Tensor, Tensor]]:
    """(y, dx) for each program: its value, and the gradient that x gets if y gets the gradient `dy`.

        "round"               y = round(x)
        "straight-through"    y = x + (round(x) - x).detach()
        "detach"              h = x * x
                              y = h.detach() + x
        "no_grad"             with torch.no_grad():
                                  h = x * x
                              y = h + x
        "no_grad later"       h = x * x
                              with torch.no_grad():
                                  k = h
                              y = k + x

    Work by hand or use autograd. Ties round to the even neighbor.

        x = [1.75], dy = [10.]:   "round"              ->  [2.], [0.]         the slope of round is 0 almost everywhere
                                  "straight-through"   ->  [2.], [10.]        the value of round, the gradient of x
                                  "no_grad"            ->  [4.8125], ...      1.75² + 1.75
    """
    raise NotImplementedError("your turn")
