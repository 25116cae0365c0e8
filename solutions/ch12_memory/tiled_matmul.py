"""A product in tiles

Fast memory is small: a multiprocessor of a GPU has some 200 KB. So a product of large matrices is made from products of
small ones. Each tile of the result is a sum over tiles from a row of `a` and a column of `b`.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def tiled_matmul(a: Float[Tensor, "n k"], b: Float[Tensor, "k m"], tile: int) -> tuple[Float[Tensor, "n m"], int]:
    """The product of `a` and `b` in the dtype of `a`, and how many numbers were loaded to compute it.

    Cut n, k and m into pieces of `tile`. If `tile` does not divide a size, the last piece is smaller. For each tile of
    the result, go along k: load a tile of `a` and a tile of `b`, multiply them, and add the product to a total. Count
    all numbers of a tile each time it is loaded. Nothing is kept from one tile of the result to the next. For smaller
    tiles at the edges, count only the numbers that they really contain.

    Keep the total in float32, whatever the two dtypes, and round once, when its tile is complete.

        tiled_matmul(tensor([[1., 2.], [3., 4.]]), tensor([[2., 0.], [1., 3.]]), 1)
            ->  tensor([[4., 6.], [10., 12.]]), 16       4 numbers, each a sum of 2 products of 2 loaded numbers
        with tile 2                           ->  8      each matrix loaded once

    Raises ValueError if `tile` is less than 1 or if the inner sizes differ.
    """
    ### BEGIN SOLUTION
    (n, depth), m = a.shape, b.shape[1]
    if tile < 1 or depth != b.shape[0]:
        raise ValueError(f"tiles of {tile} for {tuple(a.shape)} times {tuple(b.shape)}")
    out, loaded = torch.zeros(n, m, dtype=a.dtype), 0
    for i in range(0, n, tile):
        for j in range(0, m, tile):
            total = torch.zeros(out[i : i + tile, j : j + tile].shape)
            for k in range(0, depth, tile):
                left, right = a[i : i + tile, k : k + tile].float(), b[k : k + tile, j : j + tile].float()
                total += left @ right
                loaded += left.numel() + right.numel()
            out[i : i + tile, j : j + tile] = total
    return out, loaded
    ### END SOLUTION
