"""Contiguous by its definition: all positions, in the order of the indices, are 0, 1, 2, ..."""

import math
from itertools import pairwise, product

from reference import oracle

Shape = tuple[int, ...]
View = tuple[Shape, Shape, bool]


def _swapped(numbers: Shape, a: int, b: int) -> Shape:
    if not all(-len(numbers) <= axis < len(numbers) for axis in (a, b)):
        raise IndexError(f"of {len(numbers)} axes none is {a} or none is {b}")
    numbers_ = list(numbers)
    numbers_[a], numbers_[b] = numbers[b], numbers[a]
    return tuple(numbers_)


def _contiguous(shape: Shape, strides: Shape) -> bool:
    positions = (sum(map(int.__mul__, index, strides)) for index in product(*map(range, shape)))
    return all(position == i for i, position in enumerate(positions))


def _fresh(shape: Shape) -> Shape:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


@oracle
def transpose_view(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = _swapped(shape, a, b), _swapped(strides, a, b)
    return *new, _contiguous(*new)


@transpose_view.right("strides held against those of a fresh tensor, axes of length 1 aside")
def against_fresh(shape: Shape, strides: Shape, a: int, b: int) -> View:
    shape, strides = _swapped(shape, a, b), _swapped(strides, a, b)
    steps = zip(shape, strides, _fresh(shape), strict=True)
    return shape, strides, all(n == 1 or stride == fresh for n, stride, fresh in steps)


@transpose_view.right("axes of length 1 taken out, each stride the next one times its length")
def squeezed(shape: Shape, strides: Shape, a: int, b: int) -> View:
    shape, strides = _swapped(shape, a, b), _swapped(strides, a, b)
    steps = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    chained = all(s == m * t for (_, s), (m, t) in pairwise(steps))
    return shape, strides, chained and (not steps or steps[-1][1] == 1)


@transpose_view.wrong("new strides made for the new shape: that is a copy; a view keeps the strides and swaps them")
def copies(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = _swapped(shape, a, b)
    return new, _fresh(new), True


@transpose_view.wrong("new strides made for the new shape: that is a copy; a view keeps the strides and swaps them")
def copies_and_asks(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new, _, contiguous = transpose_view.fn(shape, strides, a, b)
    return new, _fresh(new), contiguous


@transpose_view.wrong("all axes reversed, as .T does for tables: only `a` and `b` change places")
def reverses_all(shape: Shape, strides: Shape, a: int, b: int) -> View:
    _swapped(shape, a, b)
    return shape[::-1], strides[::-1], _contiguous(shape[::-1], strides[::-1])


@transpose_view.wrong("the strides not swapped: with the old ones the new shape reads other elements")
def shape_only(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = _swapped(shape, a, b)
    return new, strides, _contiguous(new, strides)


@transpose_view.wrong("the shape not swapped: lengths and strides go together")
def strides_only(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = _swapped(strides, a, b)
    return shape, new, _contiguous(shape, new)


@transpose_view.wrong("axis `a` moved to place `b`, and those between shift: swap the two, the others stay")
def moves(shape: Shape, strides: Shape, a: int, b: int) -> View:
    axes = list(range(len(shape)))
    _swapped(shape, a, b)
    axis = axes.pop(a)
    axes.insert(b % len(shape), axis)
    new = tuple(shape[i] for i in axes), tuple(strides[i] for i in axes)
    return *new, _contiguous(*new)


@transpose_view.wrong("the last two axes swapped, whichever are asked for: that is .mT")
def last_two(shape: Shape, strides: Shape, a: int, b: int) -> View:
    _swapped(shape, a, b)
    return transpose_view.fn(shape, strides, -1, -2) if len(shape) > 1 else (shape, strides, strides in ((), (1,)))


@transpose_view.wrong(
    "a transposed tensor called non-contiguous always: swapping back, or swapping a 1, makes it contiguous"
)
def never_contiguous(shape: Shape, strides: Shape, a: int, b: int) -> View:
    return *transpose_view.fn(shape, strides, a, b)[:2], False


@transpose_view.wrong("always called contiguous: the elements stay where they are, but the order of reading changes")
def always_contiguous(shape: Shape, strides: Shape, a: int, b: int) -> View:
    return *transpose_view.fn(shape, strides, a, b)[:2], True


@transpose_view.wrong("contiguity of the tensor before the swap returned: ask it of the new shape and strides")
def as_before(shape: Shape, strides: Shape, a: int, b: int) -> View:
    return *transpose_view.fn(shape, strides, a, b)[:2], _contiguous(shape, strides)


@transpose_view.wrong("strides that fall called contiguous: rows with gaps between them have falling strides too")
def falling(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = transpose_view.fn(shape, strides, a, b)[:2]
    steps = [s for n, s in zip(*new, strict=True) if n != 1]
    return *new, steps == sorted(steps, reverse=True)


@transpose_view.wrong("a last stride of 1 called contiguous: the rows may still have gaps between them")
def last_is_one(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = transpose_view.fn(shape, strides, a, b)[:2]
    return *new, new[1][-1] == 1


@transpose_view.wrong("the stride of an axis of length 1 held against a fresh tensor's: no step is ever made along it")
def ones_count(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = transpose_view.fn(shape, strides, a, b)[:2]
    return *new, new[1] == _fresh(new[0])


@transpose_view.wrong("the axis taken modulo the rank: an axis that does not exist is an IndexError")
def wraps(shape: Shape, strides: Shape, a: int, b: int) -> View:
    return transpose_view.fn(shape, strides, a % len(shape), b % len(shape))


@transpose_view.wrong("a negative axis refused: -1 is the last")
def refuses_negative(shape: Shape, strides: Shape, a: int, b: int) -> View:
    if min(a, b) < 0:
        raise IndexError("negative axis")
    return transpose_view.fn(shape, strides, a, b)


@transpose_view.wrong("a negative axis matches none and nothing is swapped: bring it to 0 or above first")
def negative_matches_none(shape: Shape, strides: Shape, a: int, b: int) -> View:
    _swapped(shape, a, b)
    swap = {a: b, b: a}
    axes = [swap.get(i, i) for i in range(len(shape))]
    new = tuple(shape[i] for i in axes), tuple(strides[i] for i in axes)
    return *new, _contiguous(*new)


@transpose_view.wrong("lists for shape and strides: tuples are asked for")
def as_lists(shape: Shape, strides: Shape, a: int, b: int) -> tuple[list[int], list[int], bool]:
    new = transpose_view.fn(shape, strides, a, b)
    return list(new[0]), list(new[1]), new[2]


@transpose_view.wrong("the last stride not held against 1: with a larger one there are gaps between neighbours")
def last_unchecked(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = transpose_view.fn(shape, strides, a, b)[:2]
    steps = [(n, s) for n, s in zip(*new, strict=True) if n != 1]
    return *new, all(s == m * t for (_, s), (m, t) in pairwise(steps))


@transpose_view.wrong("strides that fall to 1 called contiguous: the rows may still have gaps between them")
def falling_to_one(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = transpose_view.fn(shape, strides, a, b)[:2]
    steps = [s for n, s in zip(*new, strict=True) if n != 1]
    return *new, steps == sorted(steps, reverse=True) and steps[-1:] in ([], [1])
