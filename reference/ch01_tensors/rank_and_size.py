"""By recursion: a tensor is as many smaller ones as its first axis is long."""

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


@rank_and_size.right("folded")
def folded(shape: Shape) -> tuple[int, int]:
    _check(shape)
    return sum(1 for _ in shape), reduce(lambda x, y: x * y, shape, 1)


@rank_and_size.wrong("rank and size are the other way round")
def other_way_round(shape: Shape) -> tuple[int, int]:
    return rank_and_size.fn(shape)[::-1]


@rank_and_size.wrong("the product given for the rank too: the rank counts the axes, whatever their lengths")
def rank_is_product(shape: Shape) -> tuple[int, int]:
    _, size = rank_and_size.fn(shape)
    return size, size


@rank_and_size.wrong("the longest axis given for the rank: the rank counts the axes, whatever their lengths")
def rank_is_largest(shape: Shape) -> tuple[int, int]:
    return max(shape, default=0), rank_and_size.fn(shape)[1]


@rank_and_size.wrong("the first length given for the rank: that is len(tensor), the rank is len(shape)")
def rank_is_first(shape: Shape) -> tuple[int, int]:
    return shape[0] if shape else 0, rank_and_size.fn(shape)[1]


@rank_and_size.wrong("the last length given for the rank: the rank counts the axes, whatever their lengths")
def rank_is_last(shape: Shape) -> tuple[int, int]:
    return shape[-1] if shape else 0, rank_and_size.fn(shape)[1]


@rank_and_size.wrong("the last index given for the rank: axes 0 to 2 are three")
def rank_is_last_index(shape: Shape) -> tuple[int, int]:
    rank, size = rank_and_size.fn(shape)
    return rank - 1, size


@rank_and_size.wrong("axes of length 1 not counted: they are axes like the others, and indexing needs them")
def ones_not_counted(shape: Shape) -> tuple[int, int]:
    return sum(n != 1 for n in shape), rank_and_size.fn(shape)[1]


@rank_and_size.wrong("the rank of a matrix as in linear algebra, at most the shorter side: here it counts the axes")
def matrix_rank(shape: Shape) -> tuple[int, int]:
    rank, size = rank_and_size.fn(shape)
    return min(shape) if rank == 2 else rank, size


@rank_and_size.wrong("the lengths added, not multiplied: a table of 3 by 4 has 12 places")
def size_is_sum(shape: Shape) -> tuple[int, int]:
    return rank_and_size.fn(shape)[0], sum(shape)


@rank_and_size.wrong("a tensor without axes given size 0: it holds one number, the empty product is 1")
def scalar_is_empty(shape: Shape) -> tuple[int, int]:
    rank, size = rank_and_size.fn(shape)
    return rank, size if shape else 0


@rank_and_size.wrong("a tensor without axes given rank 1: a vector of one number has shape (1,), a number ()")
def scalar_has_an_axis(shape: Shape) -> tuple[int, int]:
    rank, size = rank_and_size.fn(shape)
    return max(rank, 1), size


@rank_and_size.wrong("an axis of length 0 skipped: it leaves no elements at all")
def zeros_skipped(shape: Shape) -> tuple[int, int]:
    _check(shape)
    return len(shape), math.prod(n for n in shape if n)


@rank_and_size.wrong("multiplied by np.prod: that is a numpy number, wraps at 64 bits, and is the float 1.0 for ()")
def by_numpy(shape: Shape) -> tuple[int, Any]:
    _check(shape)
    return len(shape), np.prod(shape)


@rank_and_size.wrong("multiplied in 64 bits, by numpy or torch: beyond 9.2e18 that wraps round; Python's ints do not")
def wraps(shape: Shape) -> tuple[int, int]:
    rank, size = rank_and_size.fn(shape)
    return rank, (size + 2**63) % 2**64 - 2**63


@rank_and_size.wrong("multiplied as floats: beyond 2⁵³ they hold no longer every whole number; Python's ints do")
def as_float(shape: Shape) -> tuple[int, int]:
    _check(shape)
    return len(shape), int(reduce(lambda x, y: x * y, shape, 1.0))


@rank_and_size.wrong(
    "a tensor made to count it: that takes memory, ends at 64 bits and raises errors of its own; the shape says all"
)
def makes_a_tensor(shape: Shape) -> tuple[int, int]:
    x = torch.empty(shape)
    return x.dim(), x.numel()


@rank_and_size.wrong("a negative length let through: no tensor has one, a ValueError is asked for")
def unchecked(shape: Shape) -> tuple[int, int]:
    return len(shape), math.prod(shape)


@rank_and_size.wrong("only the size checked for its sign: two negative lengths make a positive product")
def checks_the_product(shape: Shape) -> tuple[int, int]:
    if math.prod(shape) < 0:
        raise ValueError("negative size")
    return len(shape), math.prod(shape)


@rank_and_size.wrong("an axis of length 0 refused: a tensor may be empty, only negative lengths are errors")
def refuses_zero(shape: Shape) -> tuple[int, int]:
    if min(shape, default=1) < 1:
        raise ValueError("lengths must be positive")
    return rank_and_size.fn(shape)


@rank_and_size.wrong("a list: a tuple of two numbers is asked for")
def as_list(shape: Shape) -> list[int]:
    return list(rank_and_size.fn(shape))


@rank_and_size.wrong("stopped at the first 0: a negative length behind it is an error all the same")
def stops_at_zero(shape: Shape) -> tuple[int, int]:
    _check(shape[: shape.index(0)] if 0 in shape else shape)
    return len(shape), math.prod(shape) if 0 not in shape else 0


@rank_and_size.wrong("only the first length checked for its sign: any of them may be negative")
def checks_the_first(shape: Shape) -> tuple[int, int]:
    _check(shape[:1])
    return len(shape), math.prod(shape)
