"""Matrix product, in loops and in letters

A matrix product is a table of dot products: every row of `a` with every column of `b`. Write it once in three
loops over lists, then as the contraction 'ij,jk->ik', where the letter that is missing on the right is summed.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def matmul_by_loops(a: list[list[float]], b: list[list[float]]) -> list[list[float]]:
    """The product of `a`, a list of I rows of J numbers, and `b`, J rows of K numbers: I rows of K numbers.

    The number in row i and column k is the sum over j of a[i][j] · b[j][k]. Each row is a list of its own. All sizes
    are at least 1.

        matmul_by_loops([[1, 2], [3, 4]], [[2, 0], [1, 3]])   ->   [[4, 6], [10, 12]]      4 = 1 · 2 + 2 · 1

    Raises ValueError if the rows of `a` are not as long as `b` has rows.
    """
    ### BEGIN SOLUTION
    if len(a[0]) != len(b):
        raise ValueError(f"rows of {len(a[0])} numbers cannot meet columns of {len(b)}")
    table = []
    for row in a:
        products = []
        for k in range(len(b[0])):
            total = 0.0
            for j, x in enumerate(row):
                total += x * b[j][k]
            products.append(total)
        table.append(products)
    return table
    ### END SOLUTION


def matmul(a: Float[Tensor, "i j"], b: Float[Tensor, "j k"]) -> Float[Tensor, "i k"]:
    """The same for tensors, in the dtype of `a`, whatever dtype `b` has. Sizes may be 0: a sum of nothing is 0.

    Multiply and add in float32, whatever the dtype, and round once.

    Raises ValueError if the second size of `a` is not the first of `b`. A size of 1 does not stand for another.
    """
    ### BEGIN SOLUTION
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} have no axis in common")
    return torch.einsum("ij,jk->ik", a.float(), b.float()).to(a.dtype)
    ### END SOLUTION
