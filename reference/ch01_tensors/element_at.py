"""The whole view as nested lists, which Python indexes."""

from typing import Any

import numpy as np

from reference import oracle

Numbers = tuple[int, ...]
Buffer = list[float]


def _written_out(buffer: Buffer, shape: Numbers, strides: Numbers, place: int) -> Any:
    if not shape:
        return buffer[place]
    return [_written_out(buffer, shape[1:], strides[1:], place + i * strides[0]) for i in range(shape[0])]


@oracle
def element_at(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    view = _written_out(buffer, shape, strides, offset)
    for i, n in zip(index, shape, strict=True):
        if i not in range(-n, n):
            raise IndexError(f"index {i} is outside an axis of length {n}")
        view = view[i]
    found: float = view
    return found


def _counted(shape: Numbers, index: Numbers) -> Numbers:
    """The index with each negative number converted to a number from 0 up."""
    for n, i in zip(shape, index, strict=True):
        if not -n <= i < n:
            raise IndexError(f"{i} of {n}")
    return tuple(i % n for n, i in zip(shape, index, strict=True))


def _fresh(shape: Numbers) -> Numbers:
    strides: list[int] = []
    step = 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def _sum(index: Numbers, strides: Numbers) -> int:
    return sum(i * s for i, s in zip(index, strides, strict=False))


@element_at.right("numpy's as_strided")
def by_numpy(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    flat = np.array(buffer)
    steps = tuple(flat.itemsize * s for s in strides)
    view = np.lib.stride_tricks.as_strided(flat[offset:], shape, steps)
    found: float = view[index].item()
    return found


@element_at.right("the sum of index times stride")
def by_sum(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    return buffer[offset + _sum(_counted(shape, index), strides)]


@element_at.wrong("the offset was left out: it is the position of element (0, 0, ...)")
def no_offset(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    return buffer[_sum(_counted(shape, index), strides)]


@element_at.wrong("the offset was added once for each axis: add it once")
def offset_for_each_axis(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    return buffer[len(shape) * offset + _sum(_counted(shape, index), strides)]


@element_at.wrong("the strides were ignored: the view was read like a fresh tensor, row by row")
def strides_ignored(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    return buffer[offset + _sum(_counted(shape, index), _fresh(shape))]


@element_at.wrong("the lengths were used as strides: a length is a number of elements, a stride is a distance")
def lengths_for_strides(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    return buffer[offset + _sum(_counted(shape, index), shape)]


@element_at.wrong(
    "a stride of 0 was treated as 1, as `stride or 1` does: stride 0 stays at the same place and repeats an element"
)
def zero_is_one(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    return buffer[offset + _sum(_counted(shape, index), tuple(s or 1 for s in strides))]


@element_at.wrong("a stride of 0 was replaced by a fresh tensor's stride: 0 means the same place for every index")
def zero_is_fresh(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    steps = tuple(s or f for s, f in zip(strides, _fresh(shape), strict=True))
    return buffer[offset + _sum(_counted(shape, index), steps)]


@element_at.wrong("the sign of a stride was dropped: a negative stride goes back")
def absolute(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    return buffer[offset + _sum(_counted(shape, index), tuple(map(abs, strides)))]


@element_at.wrong(
    "with a negative stride, reading started at the end of the axis: the offset already points at element 0"
)
def turned_twice(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    counted = _counted(shape, index)
    turned = tuple(n - 1 - i if s < 0 else i for n, i, s in zip(shape, counted, strides, strict=True))
    return buffer[offset + _sum(turned, tuple(map(abs, strides)))]


@element_at.wrong("index and strides were paired from opposite ends: the first index goes with the first stride")
def wrong_ends(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    return buffer[offset + _sum(_counted(shape, index), strides[::-1])]


@element_at.wrong("the strides were treated as bytes and divided by 4: they count elements here")
def in_bytes(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    return buffer[offset + _sum(_counted(shape, index), strides) // 4]


@element_at.wrong("only one axis was used: add index times stride for every axis")
def last_axis_only(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    place = offset
    for i, s in zip(_counted(shape, index), strides, strict=True):
        place = offset + i * s
    return buffer[place]


@element_at.wrong("the index was not checked: [0, 3] of a (2, 3) would read the next row")
def no_bounds(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    counted = (i + n if i < 0 else i for n, i in zip(shape, index, strict=True))
    return buffer[offset + _sum(tuple(counted), strides)]


@element_at.wrong("the index was not checked, and a negative index was not converted: -1 is the last element")
def formula_alone(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    return buffer[offset + _sum(index, strides)]


@element_at.wrong("the index was taken modulo the length: an index that is too large must raise IndexError")
def wraps(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    return buffer[offset + _sum(tuple(i % n for n, i in zip(shape, index, strict=True)), strides)]


@element_at.wrong("a negative index was multiplied without a change: -1 is the last element, so add the length first")
def negative_as_it_is(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    _counted(shape, index)
    return buffer[offset + _sum(index, strides)]


@element_at.wrong("a negative index was refused: -1 is the last element, as in Python")
def refuses_negative(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    if any(i < 0 for i in index):
        raise IndexError("negative index")
    return buffer[offset + _sum(_counted(shape, index), strides)]


@element_at.wrong("only the upper limit was checked: an index below -length must raise IndexError too")
def upper_bound_only(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    if any(i >= n for n, i in zip(shape, index, strict=True)):
        raise IndexError("too large")
    counted = (i % n for n, i in zip(shape, index, strict=True))
    return buffer[offset + _sum(tuple(counted), strides)]


@element_at.wrong("an index equal to the length was accepted: the last index is length − 1")
def one_too_many(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    if any(not -n <= i <= n for n, i in zip(shape, index, strict=True)):
        raise IndexError("outside")
    counted = (i + n if i < 0 else i for n, i in zip(shape, index, strict=True))
    return buffer[offset + _sum(tuple(counted), strides)]


@element_at.wrong("axes of stride 0 were not checked: the place is the same, but the index must still be valid")
def zero_strides_unchecked(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> float:
    steps = [axis for axis, s in enumerate(strides) if s]
    counted = _counted(tuple(shape[axis] for axis in steps), tuple(index[axis] for axis in steps))
    return buffer[offset + _sum(counted, tuple(strides[axis] for axis in steps))]


@element_at.wrong("the place was returned: return the element at that place")
def the_place(buffer: Buffer, shape: Numbers, strides: Numbers, offset: int, index: Numbers) -> int:
    return offset + _sum(_counted(shape, index), strides)
