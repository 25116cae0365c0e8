"""Number by number, with Python's math.isfinite."""

import math
from typing import Any

import torch
from torch import Tensor

from reference import oracle


def _finite(x: Tensor) -> bool:
    return all(math.isfinite(number) for number in x.flatten().tolist())


@oracle
def first_bad_op(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    made = [_finite(output) < all(map(_finite, inputs)) for _, inputs, output in trace]
    return made.index(True) if True in made else None


def _search(
    trace: list[tuple[str, list[Tensor], Tensor]], is_bad: Any, entrusted: Any = all, bad_input: Any = None
) -> int | None:
    for i, (_, inputs, output) in enumerate(trace):
        if is_bad(output) and entrusted(not (bad_input or is_bad)(x) for x in inputs):
            return i
    return None


def _bad(x: Tensor) -> bool:
    return bool((~x.isfinite()).any())


@first_bad_op.right("NaN and infinity checked separately")
def by_kind(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    return _search(trace, lambda x: bool((x.isnan() | x.isinf()).any()))


@first_bad_op.right("by arithmetic: x − x is 0 for finite numbers, and NaN for NaN and infinity")
def by_difference(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    return _search(trace, lambda x: bool((x.double() - x.double() != 0).any()))


@first_bad_op.wrong(
    "the first op whose output holds a NaN or an infinity was returned: its input may have held it, like a mask of −inf"
)
def first_to_contain(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    return next((i for i, (_, _, output) in enumerate(trace) if _bad(output)), None)


@first_bad_op.wrong("the first op with a bad input was returned: it is not the op that made the bad number")
def first_victim(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    return next((i for i, (_, inputs, _) in enumerate(trace) if any(map(_bad, inputs))), None)


@first_bad_op.wrong("only NaN was checked: most NaNs start as an infinity some ops earlier")
def only_nan(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    return _search(trace, lambda x: bool(x.isnan().any()))


@first_bad_op.wrong("only NaN was checked in outputs: 1/0 is infinity, which is bad too")
def only_nan_made(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    return _search(trace, lambda x: bool(x.isnan().any()), bad_input=_bad)


@first_bad_op.wrong("only infinities were found: `x == nan` is never true, and √−1 is NaN without any infinity before")
def only_inf(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    return _search(trace, lambda x: bool(x.isinf().any()))


@first_bad_op.wrong("−inf was not found: log(0) makes it")
def only_positive_inf(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    return _search(trace, lambda x: bool((x.isnan() | (x == torch.inf)).any()))


@first_bad_op.wrong("−inf in an output was always treated as a mask: log(0) makes −inf too")
def lets_minus_inf_through(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    return _search(trace, lambda x: bool((x.isnan() | (x == torch.inf)).any()), bad_input=_bad)


@first_bad_op.wrong("only the first input was checked: the bad number may be in another input")
def only_the_first_input(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    return _search([(name, inputs[:1], output) for name, inputs, output in trace], _bad)


@first_bad_op.wrong("an op counted if one of its inputs was finite: all inputs must be finite")
def any_input(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    return _search(trace, _bad, any)


@first_bad_op.wrong("the last such op was returned: the contract asks for the first")
def last_one(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    made = [i for i, entry in enumerate(trace) if _search([entry], _bad) == 0]
    return made[-1] if made else None


@first_bad_op.wrong(
    "the search ran backward to the last finite output: bad numbers can disappear on the way, as in 1/inf"
)
def backwards(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    i = len(trace)
    while i and _bad(trace[i - 1][2]):
        i -= 1
    return i if i < len(trace) else None


@first_bad_op.wrong("the sum of the tensor was checked: finite numbers can have an infinite sum, especially in fp16")
def by_sum(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    return _search(trace, lambda x: not bool(x.sum().isfinite()))


@first_bad_op.wrong("the mean of the tensor was checked: its sum can overflow, and integer tensors have no mean")
def by_mean(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    return _search(trace, lambda x: not bool(x.mean().isfinite()))


@first_bad_op.wrong("the tensors were converted to float32 first: 1e300 is finite in float64")
def in_float32(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    return _search(trace, lambda x: _bad(x.float()))


@first_bad_op.wrong("the values were converted to fp16 or compared with 65,504: a large value is not infinite")
def against_fp16(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    return _search(trace, lambda x: not bool((x.abs() <= 65504).all()) if x.is_floating_point() else False)


@first_bad_op.wrong("the name was returned, not the index: names repeat from layer to layer")
def name_for_index(trace: list[tuple[str, list[Tensor], Tensor]]) -> str | None:
    i = first_bad_op.fn(trace)
    return None if i is None else trace[i][0]


@first_bad_op.wrong("the index was counted from 1: Python counts from 0")
def from_one(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    i = first_bad_op.fn(trace)
    return None if i is None else i + 1


@first_bad_op.wrong("−1 was returned if no op is to blame: the contract asks for None")
def minus_one(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    i = first_bad_op.fn(trace)
    return -1 if i is None else i


@first_bad_op.wrong("the search stopped at the first bad output, although an input was bad: a later op may be to blame")
def gives_up(trace: list[tuple[str, list[Tensor], Tensor]]) -> int | None:
    i = first_to_contain(trace)
    return i if i is not None and not any(map(_bad, trace[i][1])) else None
