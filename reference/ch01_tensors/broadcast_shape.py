"""From the last axis to the first: the lengths that meet, without the ones, are one or none."""

from collections.abc import Callable
from itertools import zip_longest

import numpy as np
import torch

from reference import oracle

Shape = tuple[int, ...]


def _by_axes(a: Shape, b: Shape, meet: Callable[[int, int], int]) -> Shape:
    """The shape that comes of `meet`, which is given the two lengths of each axis."""
    pairs = zip_longest(reversed(a), reversed(b), fillvalue=1)
    return tuple(meet(m, n) for m, n in pairs)[::-1]


def _agree(m: int, n: int) -> int:
    lengths = {m, n} - {1}
    if len(lengths) > 1:
        raise ValueError(f"{m} and {n} clash")
    return lengths.pop() if lengths else 1


@oracle
def broadcast_shape(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, _agree)


@broadcast_shape.right("numpy's")
def numpys(a: Shape, b: Shape) -> Shape:
    return tuple(np.broadcast_shapes(a, b))


@broadcast_shape.right("by adding tensors that hold no data")
def by_adding(a: Shape, b: Shape) -> Shape:
    try:
        return tuple((torch.empty(a, device="meta") + torch.empty(b, device="meta")).shape)
    except RuntimeError as error:
        raise ValueError(str(error)) from error


@broadcast_shape.right("by indices from the end")
def by_indices(a: Shape, b: Shape) -> Shape:
    result: list[int] = []
    for i in range(1, max(len(a), len(b)) + 1):
        m = a[-i] if i <= len(a) else 1
        n = b[-i] if i <= len(b) else 1
        if m == 1:
            result.insert(0, n)
        elif n in (1, m):
            result.insert(0, m)
        else:
            raise ValueError(f"axis -{i}: {m} and {n}")
    return tuple(result)


@broadcast_shape.wrong("lined up at the first axis: shapes are lined up at the last, so a (3,) is a row")
def left_aligned(a: Shape, b: Shape) -> Shape:
    return broadcast_shape.fn(a[::-1], b[::-1])[::-1]


@broadcast_shape.wrong("the larger length taken whatever the other is: only a 1 stretches, 3 and 4 are an error")
def maximum(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, max)


@broadcast_shape.wrong(
    "checked, and then the larger length taken: a 1 next to a 0 becomes 0, and there is nothing left"
)
def maximum_of_zero(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, lambda m, n: max(m, n) if _agree(m, n) >= 0 else 0)


@broadcast_shape.wrong("the smaller length taken: the axis of length 1 is the one that stretches")
def minimum(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, lambda m, n: min(m, n) if _agree(m, n) >= 0 else 0)


@broadcast_shape.wrong("the axes that only the longer shape has are dropped: zip stops at the shorter one")
def cut_short(a: Shape, b: Shape) -> Shape:
    rank = min(len(a), len(b))
    return broadcast_shape.fn(a[len(a) - rank :], b[len(b) - rank :])


@broadcast_shape.wrong("shapes of different rank refused: what is missing in front counts as 1")
def wants_equal_rank(a: Shape, b: Shape) -> Shape:
    if len(a) != len(b):
        raise ValueError("the ranks differ")
    return broadcast_shape.fn(a, b)


@broadcast_shape.wrong("the missing axes counted as 0, not as 1: they stretch like a length of 1")
def missing_is_zero(a: Shape, b: Shape) -> Shape:
    rank = max(len(a), len(b))
    return broadcast_shape.fn((0,) * (rank - len(a)) + a, (0,) * (rank - len(b)) + b)


@broadcast_shape.wrong("only `b` may stretch: broadcasting goes both ways, even at two axes of one pair of shapes")
def only_b_stretches(a: Shape, b: Shape) -> Shape:
    padded = (1,) * (len(b) - len(a)) + a
    if broadcast_shape.fn(a, b) != padded:
        raise ValueError("b does not stretch to a")
    return padded


@broadcast_shape.wrong("one of the two shapes returned as it is: each axis takes its length from either of them")
def one_of_the_two(a: Shape, b: Shape) -> Shape:
    result = broadcast_shape.fn(a, b)
    return result if result in (a, b) else max(a, b, key=len)


@broadcast_shape.wrong("a length stretched to a multiple of it: only 1 stretches, 2 and 4 are an error")
def multiples(a: Shape, b: Shape) -> Shape:
    def meet(m: int, n: int) -> int:
        return max(m, n) if 0 not in (m, n) and max(m, n) % min(m, n) == 0 else _agree(m, n)

    return _by_axes(a, b, meet)


@broadcast_shape.wrong("collected from the last axis to the first and not turned round at the end")
def not_turned(a: Shape, b: Shape) -> Shape:
    return broadcast_shape.fn(a, b)[::-1]


@broadcast_shape.wrong(
    "clashes let through with the length of `a`: lengths that differ, neither of them 1, are an error"
)
def takes_a(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, lambda m, n: n if m == 1 else m)


@broadcast_shape.wrong(
    "clashes let through with the length of `b`: lengths that differ, neither of them 1, are an error"
)
def takes_b(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, lambda m, n: m if n == 1 else n)


@broadcast_shape.wrong("left to torch: it raises a RuntimeError where a ValueError is asked for")
def left_to_torch(a: Shape, b: Shape) -> Shape:
    return tuple(torch.broadcast_shapes(a, b))  # type: ignore[no-untyped-call]


@broadcast_shape.wrong("a list: a shape is a tuple")
def as_list(a: Shape, b: Shape) -> list[int]:
    return list(broadcast_shape.fn(a, b))


@broadcast_shape.wrong("a clash reported as None: a ValueError is asked for, so that nobody goes on with it")
def none_for_a_clash(a: Shape, b: Shape) -> Shape | None:
    try:
        return broadcast_shape.fn(a, b)
    except ValueError:
        return None


@broadcast_shape.wrong("0 taken to clash with 1: a length of 1 stretches to 0 too, and the result is empty")
def zero_clashes(a: Shape, b: Shape) -> Shape:
    def meet(m: int, n: int) -> int:
        if {m, n} == {0, 1}:
            raise ValueError("0 and 1 clash")
        return _agree(m, n)

    return _by_axes(a, b, meet)


@broadcast_shape.wrong("0 taken to agree with every length: only a 1 stretches, 0 and 3 are an error")
def zero_agrees(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, lambda m, n: 0 if 0 in (m, n) else _agree(m, n))


@broadcast_shape.wrong("a length of 0 taken for 1, as `length or 1` does: 0 is a length, and an axis of 0 stays empty")
def zero_is_one(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, lambda m, n: _agree(m or 1, n or 1))
