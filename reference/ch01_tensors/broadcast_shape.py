"""From the last axis to the first: remove the ones from each pair of lengths; at most one length may remain."""

from collections.abc import Callable
from itertools import zip_longest

import numpy as np
import torch

from reference import oracle

Shape = tuple[int, ...]


def _by_axes(a: Shape, b: Shape, meet: Callable[[int, int], int]) -> Shape:
    """The shape that `meet` gives: it takes the two lengths of each axis."""
    pairs = zip_longest(reversed(a), reversed(b), fillvalue=1)
    return tuple(meet(m, n) for m, n in pairs)[::-1]


def _agree(m: int, n: int) -> int:
    lengths = {m, n} - {1}
    if len(lengths) > 1:
        raise ValueError(f"lengths {m} and {n} do not fit")
    return lengths.pop() if lengths else 1


@oracle
def broadcast_shape(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, _agree)


@broadcast_shape.right("numpy.broadcast_shapes")
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


@broadcast_shape.wrong(
    "the shapes were lined up at the first axis: line them up at the last axis, so that a (3,) is a row"
)
def left_aligned(a: Shape, b: Shape) -> Shape:
    return broadcast_shape.fn(a[::-1], b[::-1])[::-1]


@broadcast_shape.wrong("the larger length was taken without a check: only a 1 stretches, so 3 and 4 are an error")
def maximum(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, max)


@broadcast_shape.wrong(
    "the larger of two valid lengths was taken: for 1 and 0 the result is 0, the length that is not 1"
)
def maximum_of_zero(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, lambda m, n: max(m, n) if _agree(m, n) >= 0 else 0)


@broadcast_shape.wrong("the smaller length was taken: the axis of length 1 stretches to the other length")
def minimum(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, lambda m, n: min(m, n) if _agree(m, n) >= 0 else 0)


@broadcast_shape.wrong("the extra axes of the longer shape were dropped: zip stops at the end of the shorter shape")
def cut_short(a: Shape, b: Shape) -> Shape:
    rank = min(len(a), len(b))
    return broadcast_shape.fn(a[len(a) - rank :], b[len(b) - rank :])


@broadcast_shape.wrong("shapes of different rank were refused: each missing axis in front counts as 1")
def wants_equal_rank(a: Shape, b: Shape) -> Shape:
    if len(a) != len(b):
        raise ValueError("the ranks differ")
    return broadcast_shape.fn(a, b)


@broadcast_shape.wrong("missing axes were counted as 0: they count as 1 and stretch")
def missing_is_zero(a: Shape, b: Shape) -> Shape:
    rank = max(len(a), len(b))
    return broadcast_shape.fn((0,) * (rank - len(a)) + a, (0,) * (rank - len(b)) + b)


@broadcast_shape.wrong("only `b` was allowed to stretch: `a` may stretch too, and both may stretch on different axes")
def only_b_stretches(a: Shape, b: Shape) -> Shape:
    padded = (1,) * (len(b) - len(a)) + a
    if broadcast_shape.fn(a, b) != padded:
        raise ValueError("b cannot stretch to a")
    return padded


@broadcast_shape.wrong(
    "one of the two shapes was returned unchanged: each axis may take its length from a different shape"
)
def one_of_the_two(a: Shape, b: Shape) -> Shape:
    result = broadcast_shape.fn(a, b)
    return result if result in (a, b) else max(a, b, key=len)


@broadcast_shape.wrong("a length was stretched to a multiple of itself: only 1 stretches, so 2 and 4 are an error")
def multiples(a: Shape, b: Shape) -> Shape:
    def meet(m: int, n: int) -> int:
        return max(m, n) if 0 not in (m, n) and max(m, n) % min(m, n) == 0 else _agree(m, n)

    return _by_axes(a, b, meet)


@broadcast_shape.wrong("the lengths were collected from the last axis to the first, and the result was not reversed")
def not_turned(a: Shape, b: Shape) -> Shape:
    return broadcast_shape.fn(a, b)[::-1]


@broadcast_shape.wrong(
    "different lengths were accepted, and the length of `a` was taken: raise an error unless one length is 1"
)
def takes_a(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, lambda m, n: n if m == 1 else m)


@broadcast_shape.wrong(
    "different lengths were accepted, and the length of `b` was taken: raise an error unless one length is 1"
)
def takes_b(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, lambda m, n: m if n == 1 else n)


@broadcast_shape.wrong("the check was left to torch: it raises a RuntimeError, but the contract asks for ValueError")
def left_to_torch(a: Shape, b: Shape) -> Shape:
    return tuple(torch.broadcast_shapes(a, b))  # type: ignore[no-untyped-call]


@broadcast_shape.wrong("a list was returned: a shape is a tuple")
def as_list(a: Shape, b: Shape) -> list[int]:
    return list(broadcast_shape.fn(a, b))


@broadcast_shape.wrong(
    "None was returned for shapes that do not fit: raise ValueError, so that no caller continues with None"
)
def none_for_a_clash(a: Shape, b: Shape) -> Shape | None:
    try:
        return broadcast_shape.fn(a, b)
    except ValueError:
        return None


@broadcast_shape.wrong("the lengths 0 and 1 were refused: a length of 1 also stretches to 0, and the result is empty")
def zero_clashes(a: Shape, b: Shape) -> Shape:
    def meet(m: int, n: int) -> int:
        if {m, n} == {0, 1}:
            raise ValueError("lengths 0 and 1 do not fit")
        return _agree(m, n)

    return _by_axes(a, b, meet)


@broadcast_shape.wrong("a 0 was accepted opposite any other length: only a 1 stretches, so 0 and 3 are an error")
def zero_agrees(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, lambda m, n: 0 if 0 in (m, n) else _agree(m, n))


@broadcast_shape.wrong("a length of 0 was treated as 1, as `length or 1` does: an axis of length 0 stays empty")
def zero_is_one(a: Shape, b: Shape) -> Shape:
    return _by_axes(a, b, lambda m, n: _agree(m or 1, n or 1))
