"""By recursion: a tensor of length n along its first axis consists of n smaller tensors."""

import math
from functools import reduce
from typing import Any

import numpy as np
import torch

from reference import oracle

Shape = tuple[int, ...]


def _check(shape: Shape) -> None:
    if min(shape, default=0) < 0:
        raise ValueError("negative length")


@oracle
def rank_and_size(shape: Shape) -> tuple[int, int]:
    _check(shape)
    if not shape:
        return 0, 1
    rank, size = rank_and_size.fn(shape[1:])
    return rank + 1, shape[0] * size


@rank_and_size.right("len and math.prod")
def by_prod(shape: Shape) -> tuple[int, int]:
    _check(shape)
    return len(shape), math.prod(shape)


@rank_and_size.right("functools.reduce")
def folded(shape: Shape) -> tuple[int, int]:
    _check(shape)
    return sum(1 for _ in shape), reduce(lambda x, y: x * y, shape, 1)


@rank_and_size.wrong("rank and size were returned in the wrong order")
def other_way_round(shape: Shape) -> tuple[int, int]:
    return rank_and_size.fn(shape)[::-1]


@rank_and_size.wrong("the product of the lengths was returned as the rank: the rank is the number of axes")
def rank_is_product(shape: Shape) -> tuple[int, int]:
    _, size = rank_and_size.fn(shape)
    return size, size


@rank_and_size.wrong("the longest length was returned as the rank: the rank is the number of axes")
def rank_is_largest(shape: Shape) -> tuple[int, int]:
    return max(shape, default=0), rank_and_size.fn(shape)[1]


@rank_and_size.wrong("the first length was returned as the rank: that is len(tensor); the rank is len(shape)")
def rank_is_first(shape: Shape) -> tuple[int, int]:
    return shape[0] if shape else 0, rank_and_size.fn(shape)[1]


@rank_and_size.wrong("the last length was returned as the rank: the rank is the number of axes")
def rank_is_last(shape: Shape) -> tuple[int, int]:
    return shape[-1] if shape else 0, rank_and_size.fn(shape)[1]


@rank_and_size.wrong("the index of the last axis was returned as the rank: axes 0, 1 and 2 are three axes")
def rank_is_last_index(shape: Shape) -> tuple[int, int]:
    rank, size = rank_and_size.fn(shape)
    return rank - 1, size


@rank_and_size.wrong("axes of length 1 were not counted: they are axes too, and indexing needs them")
def ones_not_counted(shape: Shape) -> tuple[int, int]:
    return sum(n != 1 for n in shape), rank_and_size.fn(shape)[1]


@rank_and_size.wrong(
    "the rank was limited to the shorter side, as for a matrix in linear algebra: here it is the number of axes"
)
def matrix_rank(shape: Shape) -> tuple[int, int]:
    rank, size = rank_and_size.fn(shape)
    return min(shape) if rank == 2 else rank, size


@rank_and_size.wrong("the lengths were added: multiply them; a 3 by 4 matrix has 12 elements")
def size_is_sum(shape: Shape) -> tuple[int, int]:
    return rank_and_size.fn(shape)[0], sum(shape)


@rank_and_size.wrong("a tensor without axes got size 0: it holds one number, because the empty product is 1")
def scalar_is_empty(shape: Shape) -> tuple[int, int]:
    rank, size = rank_and_size.fn(shape)
    return rank, size if shape else 0


@rank_and_size.wrong(
    "a tensor without axes got rank 1: a vector of one number has shape (1,), a single number has shape ()"
)
def scalar_has_an_axis(shape: Shape) -> tuple[int, int]:
    rank, size = rank_and_size.fn(shape)
    return max(rank, 1), size


@rank_and_size.wrong("an axis of length 0 was skipped: such a tensor has no elements")
def zeros_skipped(shape: Shape) -> tuple[int, int]:
    _check(shape)
    return len(shape), math.prod(n for n in shape if n)


@rank_and_size.wrong(
    "np.prod was used: it returns a NumPy number, wraps around at 64 bits, and gives the float 1.0 for ()"
)
def by_numpy(shape: Shape) -> tuple[int, Any]:
    _check(shape)
    return len(shape), np.prod(shape)


@rank_and_size.wrong(
    "the product was computed in 64 bits, by NumPy or torch: above 9.2e18 it wraps around; Python's ints do not"
)
def wraps(shape: Shape) -> tuple[int, int]:
    rank, size = rank_and_size.fn(shape)
    return rank, (size + 2**63) % 2**64 - 2**63


@rank_and_size.wrong(
    "the product was computed in floats: above 2⁵³ floats skip some whole numbers; Python's ints do not"
)
def as_float(shape: Shape) -> tuple[int, int]:
    _check(shape)
    return len(shape), int(reduce(lambda x, y: x * y, shape, 1.0))


@rank_and_size.wrong(
    "a tensor was created only to count elements: it takes memory and has a 64-bit limit; use the shape alone"
)
def makes_a_tensor(shape: Shape) -> tuple[int, int]:
    x = torch.empty(shape)
    return x.dim(), x.numel()


@rank_and_size.wrong("a negative length was accepted: raise ValueError")
def unchecked(shape: Shape) -> tuple[int, int]:
    return len(shape), math.prod(shape)


@rank_and_size.wrong("only the sign of the size was checked: the product of two negative lengths is positive")
def checks_the_product(shape: Shape) -> tuple[int, int]:
    if math.prod(shape) < 0:
        raise ValueError("negative size")
    return len(shape), math.prod(shape)


@rank_and_size.wrong("an axis of length 0 was refused: a tensor may be empty; only negative lengths are errors")
def refuses_zero(shape: Shape) -> tuple[int, int]:
    if min(shape, default=1) < 1:
        raise ValueError("lengths must be positive")
    return rank_and_size.fn(shape)


@rank_and_size.wrong("a list was returned: return a tuple of two ints")
def as_list(shape: Shape) -> list[int]:
    return list(rank_and_size.fn(shape))


@rank_and_size.wrong("the loop stopped at the first 0: a negative length after it is still an error")
def stops_at_zero(shape: Shape) -> tuple[int, int]:
    _check(shape[: shape.index(0)] if 0 in shape else shape)
    return len(shape), math.prod(shape) if 0 not in shape else 0


@rank_and_size.wrong("only the first length was checked: any length may be negative")
def checks_the_first(shape: Shape) -> tuple[int, int]:
    _check(shape[:1])
    return len(shape), math.prod(shape)
