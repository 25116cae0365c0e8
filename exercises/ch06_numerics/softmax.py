"""Softmax that survives large scores

exp overflows at 88.7 in fp32 and at 11.1 in fp16, and attention scores get that large. Softmax does not change when you
shift every score of a row by the same amount, so shift each row into the range where exp is safe.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def softmax(x: Float[Tensor, "*batch n"], dim: int = -1) -> Float[Tensor, "*batch n"]:
    """Probabilities along `dim`: finite for every finite `x`, in the dtype of `x`.

    Compute in float32 inside, whatever the dtype of `x`, and round once at the end. A row in which every score is -inf
    (everything is masked) gives zeros. Do not change `x`. Write it yourself: torch.softmax is refused.

        softmax(tensor([1000., 1000.]))              ->  [0.5, 0.5]
        softmax(tensor([[-inf, -inf], [-inf, 7.]]))  ->  [[0., 0.], [0., 1.]]

    Raises IndexError if `x` has no axis `dim`.
    """
    raise NotImplementedError("your turn")
