"""Matrix product, with loops and with einsum

A matrix product contains the dot product of every row of `a` with every column of `b`. Write it once as three loops
over lists, then as the einsum 'ij,jk->ik'. The letter j is missing on the right, so einsum sums over j.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def matmul_by_loops(a: list[list[float]], b: list[list[float]]) -> list[list[float]]:
    """The product of `a` (I rows of J numbers) and `b` (J rows of K numbers): a list of I rows of K numbers.

    The number in row i and column k is the sum over j of a[i][j] · b[j][k]. Each row of the result is a separate list.
    All sizes are at least 1.

        matmul_by_loops([[1, 2], [3, 4]], [[2, 0], [1, 3]])   ->   [[4, 6], [10, 12]]      4 = 1 · 2 + 2 · 1

    Raises ValueError if the length of a row of `a` differs from the number of rows of `b`.
    """
    raise NotImplementedError("your turn")


def matmul(a: Float[Tensor, "i j"], b: Float[Tensor, "j k"]) -> Float[Tensor, "i k"]:
    """The matrix product of two tensors, in the dtype of `a`, even if `b` has another dtype.

    For all dtypes, multiply and add in float32, and round once. Sizes may be 0: an empty sum is 0.

    Raises ValueError if the second size of `a` differs from the first size of `b`. A size of 1 does not broadcast.
    """
    raise NotImplementedError("your turn")
