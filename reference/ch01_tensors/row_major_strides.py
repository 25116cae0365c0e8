"""One step along an axis passes as many elements as all axes behind it hold together."""

import math
from itertools import accumulate

import torch

from reference import oracle

Shape = tuple[int, ...]


@oracle
def row_major_strides(shape: Shape) -> Shape:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


@row_major_strides.right("asked of torch, without data")
def torchs(shape: Shape) -> Shape:
    return torch.empty(shape, device="meta").stride()


@row_major_strides.right("the size of the whole, divided by one length after the other")
def by_division(shape: Shape) -> Shape:
    left, strides = math.prod(shape), []
    for n in shape:
        left //= n
        strides.append(left)
    return tuple(strides)


@row_major_strides.right("running products from the end")
def accumulated(shape: Shape) -> Shape:
    return tuple(accumulate(reversed(shape[1:]), lambda x, y: x * y, initial=1))[::-1] if shape else ()


@row_major_strides.wrong("column-major, the first axis fastest: that is Fortran's order, here the last axis is")
def column_major(shape: Shape) -> Shape:
    return row_major_strides.fn(shape[::-1])[::-1]


@row_major_strides.wrong("one axis too far: a stride is the product of the lengths behind its axis, not of its own too")
def own_length_too(shape: Shape) -> Shape:
    return tuple(math.prod(shape[axis:]) for axis in range(len(shape)))


@row_major_strides.wrong("one axis too short: the product leaves out the length of the next axis")
def next_left_out(shape: Shape) -> Shape:
    return tuple(math.prod(shape[axis + 2 :]) for axis in range(len(shape)))


@row_major_strides.wrong("the right strides in reversed order: the first belongs to the first axis")
def not_turned(shape: Shape) -> Shape:
    return row_major_strides.fn(shape)[::-1]


@row_major_strides.wrong("the length of the next axis taken alone: a step in axis 0 passes whole tables, not one row")
def next_length(shape: Shape) -> Shape:
    return (*shape[1:], 1) if shape else ()


@row_major_strides.wrong("the shape itself returned: a length says how many, a stride how far apart")
def shape_itself(shape: Shape) -> Shape:
    return shape


@row_major_strides.wrong("lengths added up: the elements behind an axis are a product")
def added(shape: Shape) -> Shape:
    return tuple(sum(shape[axis + 1 :]) or 1 for axis in range(len(shape)))


@row_major_strides.wrong("in bytes of float32, as numpy counts: torch counts elements")
def in_bytes(shape: Shape) -> Shape:
    return tuple(4 * stride for stride in row_major_strides.fn(shape))


@row_major_strides.wrong("the last stride is missing: every axis has one, and that of the last is 1")
def last_missing(shape: Shape) -> Shape:
    return row_major_strides.fn(shape)[:-1]


@row_major_strides.wrong("the empty shape given a stride: a number has no axes, so no strides")
def scalar_has_one(shape: Shape) -> Shape:
    return row_major_strides.fn(shape) or (1,)


@row_major_strides.wrong(
    "stride 0 for an axis of length 1: that is how an expanded axis looks, a fresh one has a product"
)
def zero_for_one(shape: Shape) -> Shape:
    return tuple(0 if n == 1 else s for n, s in zip(shape, row_major_strides.fn(shape), strict=True))


@row_major_strides.wrong("divided with `/`, which makes floats: strides are ints, use //")
def floats(shape: Shape) -> tuple[float, ...]:
    return tuple(float(stride) for stride in row_major_strides.fn(shape))


@row_major_strides.wrong("a list: a tuple is asked for")
def as_list(shape: Shape) -> list[int]:
    return list(row_major_strides.fn(shape))
