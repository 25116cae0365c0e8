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
    raise NotImplementedError("your turn")


def matmul(a: Float[Tensor, "i j"], b: Float[Tensor, "j k"]) -> Float[Tensor, "i k"]:
    """The same for tensors, in the dtype of `a`, whatever dtype `b` has. Sizes may be 0: a sum of nothing is 0.

    Multiply and add in float32, whatever the dtype, and round once.

    Raises ValueError if the second size of `a` is not the first of `b`. A size of 1 does not stand for another.
    """
    raise NotImplementedError("your turn")
