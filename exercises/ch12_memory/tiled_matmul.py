"""A product in tiles

Fast memory is small: a GPU's multiprocessor has some 200 KB of it. So a product of large matrices is made of
products of small ones, each tile of the result summed up from tiles of a row of `a` and of a column of `b`.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def tiled_matmul(a: Float[Tensor, "n k"], b: Float[Tensor, "k m"], tile: int) -> tuple[Float[Tensor, "n m"], int]:
    """The product of `a` and `b` in the dtype of `a`, and how many numbers were loaded to compute it.

    Cut n, k and m into pieces of `tile`; where it does not divide, the last piece is smaller. For each tile of the
    result walk along k: load a tile of `a` and a tile of `b`, multiply them, add the product to a total. Every load
    counts with all the numbers of the tile, each time it is made; nothing is kept from one tile of the result to the
    next. Smaller tiles at the edges count with the numbers they have.

    Keep the total in float32, whatever the two dtypes, and round once, when its tile is complete.

        tiled_matmul(tensor([[1., 2.], [3., 4.]]), tensor([[2., 0.], [1., 3.]]), 1)
            ->  tensor([[4., 6.], [10., 12.]]), 16       4 numbers, each the sum of 2 products of 2 loaded numbers
        with tile 2                           ->  8      each matrix loaded once

    Raises ValueError if `tile` is less than 1 or if the inner sizes differ.
    """
    raise NotImplementedError("your turn")
