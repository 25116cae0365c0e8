"""Contiguous by definition: the positions, in the order of the indices, are 0, 1, 2, ..."""

import math
from itertools import pairwise, product

from reference import oracle

Shape = tuple[int, ...]
View = tuple[Shape, Shape, bool]


def _swapped(numbers: Shape, a: int, b: int) -> Shape:
    if not all(-len(numbers) <= axis < len(numbers) for axis in (a, b)):
        raise IndexError(f"axis {a} or axis {b} does not exist: there are {len(numbers)} axes")
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


@transpose_view.right("compared with a fresh tensor's strides, except on axes of length 1")
def against_fresh(shape: Shape, strides: Shape, a: int, b: int) -> View:
    shape, strides = _swapped(shape, a, b), _swapped(strides, a, b)
    steps = zip(shape, strides, _fresh(shape), strict=True)
    return shape, strides, all(n == 1 or stride == fresh for n, stride, fresh in steps)


@transpose_view.right("without the axes of length 1: each stride is the next stride times its length")
def squeezed(shape: Shape, strides: Shape, a: int, b: int) -> View:
    shape, strides = _swapped(shape, a, b), _swapped(strides, a, b)
    steps = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    chained = all(s == m * t for (_, s), (m, t) in pairwise(steps))
    return shape, strides, chained and (not steps or steps[-1][1] == 1)


@transpose_view.wrong(
    "new strides were computed for the new shape: that describes a copy; a view swaps the old strides"
)
def copies(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = _swapped(shape, a, b)
    return new, _fresh(new), True


@transpose_view.wrong(
    "new strides were computed for the new shape: that describes a copy; a view swaps the old strides"
)
def copies_and_asks(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new, _, contiguous = transpose_view.fn(shape, strides, a, b)
    return new, _fresh(new), contiguous


@transpose_view.wrong("all axes were reversed, as .T does for a matrix: only axes `a` and `b` change places")
def reverses_all(shape: Shape, strides: Shape, a: int, b: int) -> View:
    _swapped(shape, a, b)
    return shape[::-1], strides[::-1], _contiguous(shape[::-1], strides[::-1])


@transpose_view.wrong("the strides were not swapped: with the old strides the new shape reads other elements")
def shape_only(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = _swapped(shape, a, b)
    return new, strides, _contiguous(new, strides)


@transpose_view.wrong("the shape was not swapped: swap lengths and strides together")
def strides_only(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = _swapped(strides, a, b)
    return shape, new, _contiguous(shape, new)


@transpose_view.wrong(
    "axis `a` was moved to position `b`, which also shifts the axes between them: only swap the two axes"
)
def moves(shape: Shape, strides: Shape, a: int, b: int) -> View:
    axes = list(range(len(shape)))
    _swapped(shape, a, b)
    axis = axes.pop(a)
    axes.insert(b % len(shape), axis)
    new = tuple(shape[i] for i in axes), tuple(strides[i] for i in axes)
    return *new, _contiguous(*new)


@transpose_view.wrong("the last two axes were swapped, as .mT does: swap axes `a` and `b`")
def last_two(shape: Shape, strides: Shape, a: int, b: int) -> View:
    _swapped(shape, a, b)
    return transpose_view.fn(shape, strides, -1, -2) if len(shape) > 1 else (shape, strides, strides in ((), (1,)))


@transpose_view.wrong(
    "every transpose was called non-contiguous: it can be contiguous, for example if an axis has length 1"
)
def never_contiguous(shape: Shape, strides: Shape, a: int, b: int) -> View:
    return *transpose_view.fn(shape, strides, a, b)[:2], False


@transpose_view.wrong("every transpose was called contiguous: the elements do not move, but the reading order changes")
def always_contiguous(shape: Shape, strides: Shape, a: int, b: int) -> View:
    return *transpose_view.fn(shape, strides, a, b)[:2], True


@transpose_view.wrong("the contiguity before the swap was returned: check the new shape and strides")
def as_before(shape: Shape, strides: Shape, a: int, b: int) -> View:
    return *transpose_view.fn(shape, strides, a, b)[:2], _contiguous(shape, strides)


@transpose_view.wrong(
    "decreasing strides were called contiguous: rows with gaps between them also have decreasing strides"
)
def falling(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = transpose_view.fn(shape, strides, a, b)[:2]
    steps = [s for n, s in zip(*new, strict=True) if n != 1]
    return *new, steps == sorted(steps, reverse=True)


@transpose_view.wrong("a last stride of 1 was called contiguous: there may still be gaps between the rows")
def last_is_one(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = transpose_view.fn(shape, strides, a, b)[:2]
    return *new, new[1][-1] == 1


@transpose_view.wrong(
    "the stride of an axis of length 1 was compared too: no step goes along such an axis, so its stride does not matter"
)
def ones_count(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = transpose_view.fn(shape, strides, a, b)[:2]
    return *new, new[1] == _fresh(new[0])


@transpose_view.wrong("the axis was taken modulo the rank: an axis that does not exist must raise IndexError")
def wraps(shape: Shape, strides: Shape, a: int, b: int) -> View:
    return transpose_view.fn(shape, strides, a % len(shape), b % len(shape))


@transpose_view.wrong("a negative axis was refused: -1 is the last axis")
def refuses_negative(shape: Shape, strides: Shape, a: int, b: int) -> View:
    if min(a, b) < 0:
        raise IndexError("negative axis")
    return transpose_view.fn(shape, strides, a, b)


@transpose_view.wrong("a negative axis matched no axis, so nothing was swapped: add the number of axes to it first")
def negative_matches_none(shape: Shape, strides: Shape, a: int, b: int) -> View:
    _swapped(shape, a, b)
    swap = {a: b, b: a}
    axes = [swap.get(i, i) for i in range(len(shape))]
    new = tuple(shape[i] for i in axes), tuple(strides[i] for i in axes)
    return *new, _contiguous(*new)


@transpose_view.wrong("lists were returned: return tuples for shape and strides")
def as_lists(shape: Shape, strides: Shape, a: int, b: int) -> tuple[list[int], list[int], bool]:
    new = transpose_view.fn(shape, strides, a, b)
    return list(new[0]), list(new[1]), new[2]


@transpose_view.wrong("the last stride was not compared with 1: with a larger stride there are gaps between neighbors")
def last_unchecked(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = transpose_view.fn(shape, strides, a, b)[:2]
    steps = [(n, s) for n, s in zip(*new, strict=True) if n != 1]
    return *new, all(s == m * t for (_, s), (m, t) in pairwise(steps))


@transpose_view.wrong("strides that decrease to 1 were called contiguous: there may still be gaps between the rows")
def falling_to_one(shape: Shape, strides: Shape, a: int, b: int) -> View:
    new = transpose_view.fn(shape, strides, a, b)[:2]
    steps = [s for n, s in zip(*new, strict=True) if n != 1]
    return *new, steps == sorted(steps, reverse=True) and steps[-1:] in ([], [1])
