"""One step along an axis passes all elements of the axes after it."""

import math
from itertools import accumulate

import torch

from reference import oracle

Shape = tuple[int, ...]


@oracle
def row_major_strides(shape: Shape) -> Shape:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


@row_major_strides.right("torch's own strides, of a tensor without data")
def torchs(shape: Shape) -> Shape:
    return torch.empty(shape, device="meta").stride()


@row_major_strides.right("the total size, divided by one length after the other")
def by_division(shape: Shape) -> Shape:
    left, strides = math.prod(shape), []
    for n in shape:
        left //= n
        strides.append(left)
    return tuple(strides)


@row_major_strides.right("running products from the end")
def accumulated(shape: Shape) -> Shape:
    return tuple(accumulate(reversed(shape[1:]), lambda x, y: x * y, initial=1))[::-1] if shape else ()


@row_major_strides.wrong(
    "the first axis got stride 1: that is column-major, Fortran's order; here the last axis has stride 1"
)
def column_major(shape: Shape) -> Shape:
    return row_major_strides.fn(shape[::-1])[::-1]


@row_major_strides.wrong("each product includes the axis's own length: multiply only the lengths after it")
def own_length_too(shape: Shape) -> Shape:
    return tuple(math.prod(shape[axis:]) for axis in range(len(shape)))


@row_major_strides.wrong("each product leaves out the length of the next axis: multiply all lengths after it")
def next_left_out(shape: Shape) -> Shape:
    return tuple(math.prod(shape[axis + 2 :]) for axis in range(len(shape)))


@row_major_strides.wrong("the strides are in reverse order: the first stride belongs to the first axis")
def not_turned(shape: Shape) -> Shape:
    return row_major_strides.fn(shape)[::-1]


@row_major_strides.wrong(
    "only the length of the next axis was used: a step along axis 0 passes a whole matrix, not one row"
)
def next_length(shape: Shape) -> Shape:
    return (*shape[1:], 1) if shape else ()


@row_major_strides.wrong(
    "the shape was returned: a length is the number of elements, a stride is the distance between them"
)
def shape_itself(shape: Shape) -> Shape:
    return shape


@row_major_strides.wrong("the lengths were added: multiply the lengths after the axis")
def added(shape: Shape) -> Shape:
    return tuple(sum(shape[axis + 1 :]) or 1 for axis in range(len(shape)))


@row_major_strides.wrong("the strides are in bytes of float32, as in NumPy: torch counts elements")
def in_bytes(shape: Shape) -> Shape:
    return tuple(4 * stride for stride in row_major_strides.fn(shape))


@row_major_strides.wrong("the last stride is missing: every axis has a stride, and the last stride is 1")
def last_missing(shape: Shape) -> Shape:
    return row_major_strides.fn(shape)[:-1]


@row_major_strides.wrong("the empty shape got a stride: a tensor without axes has no strides")
def scalar_has_one(shape: Shape) -> Shape:
    return row_major_strides.fn(shape) or (1,)


@row_major_strides.wrong(
    "an axis of length 1 got stride 0: only an expanded axis has stride 0; use the product here too"
)
def zero_for_one(shape: Shape) -> Shape:
    return tuple(0 if n == 1 else s for n, s in zip(shape, row_major_strides.fn(shape), strict=True))


@row_major_strides.wrong("`/` made floats: strides are ints; use //")
def floats(shape: Shape) -> tuple[float, ...]:
    return tuple(float(stride) for stride in row_major_strides.fn(shape))


@row_major_strides.wrong("a list was returned: return a tuple")
def as_list(shape: Shape) -> list[int]:
    return list(row_major_strides.fn(shape))
