"""Number by number, against the limits of the dtype instead of a cast."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from reference import oracle

Recorded = list[tuple[str, Tensor]]
Found = tuple[str, str] | None
Rules = dict[str, Callable[[Tensor, torch.dtype], bool]]  # kinds, in the order in which they are asked


def _limits(dtype: torch.dtype) -> tuple[float, float]:
    """(the largest size that becomes 0, the smallest that becomes infinite): halfway to 0 and beyond the largest."""
    info = torch.finfo(dtype)
    smallest = info.smallest_normal * info.eps
    last_gap = info.max * info.eps / (2 - info.eps)
    return smallest / 2, info.max + last_gap / 2


@oracle
def first_bad_tensor(recorded: Recorded, dtype: torch.dtype) -> Found:
    vanishing, infinite = _limits(dtype)
    for name, x in recorded:
        sizes = [abs(number) for number in x.flatten().tolist()]
        kinds = {
            "nan": any(math.isnan(size) for size in sizes),
            "inf": math.inf in sizes,
            "overflow": any(size >= infinite for size in sizes),
            "underflow": any(sizes) and all(size <= vanishing for size in sizes),
        }
        for kind, holds in kinds.items():
            if holds:
                return name, kind
    return None


def _has_nan(x: Tensor, dtype: torch.dtype) -> bool:
    return bool(x.isnan().any())


def _has_inf(x: Tensor, dtype: torch.dtype) -> bool:
    return bool(x.isinf().any())


def _overflows(x: Tensor, dtype: torch.dtype) -> bool:
    return bool(x.to(dtype).isinf().any())


def _underflows(x: Tensor, dtype: torch.dtype) -> bool:
    return bool((x != 0).any()) and not bool(x.to(dtype).any())


RIGHT: Rules = {"nan": _has_nan, "inf": _has_inf, "overflow": _overflows, "underflow": _underflows}


def _bad(recorded: Recorded, dtype: torch.dtype, rules: Rules) -> Iterator[tuple[str, str]]:
    """All bad tensors with their kinds, by these rules."""
    for name, x in recorded:
        kind = next((kind for kind, holds in rules.items() if holds(x, dtype)), None)
        if kind is not None:
            yield name, kind


def _first(recorded: Recorded, dtype: torch.dtype, rules: Rules) -> Found:
    return next(_bad(recorded, dtype, rules), None)


@first_bad_tensor.right("a list of rules, asked in order")
def by_rules(recorded: Recorded, dtype: torch.dtype) -> Found:
    return _first(recorded, dtype, RIGHT)


@first_bad_tensor.right("by the largest size of each tensor")
def by_the_largest(recorded: Recorded, dtype: torch.dtype) -> Found:
    for name, x in recorded:
        if not x.numel():
            continue
        largest = x.double().abs().max()  # NaN if there is one
        if largest.isnan():
            return name, "nan"
        if largest.isinf():
            return name, "inf"
        if largest.to(dtype).isinf():
            return name, "overflow"
        if largest and not largest.to(dtype):
            return name, "underflow"
    return None


@first_bad_tensor.right("cast first, then compare what is finite, and what is zero, before and after")
def before_and_after(recorded: Recorded, dtype: torch.dtype) -> Found:
    for name, x in recorded:
        cast = x.to(dtype)
        if not cast.isfinite().all():
            if x.isfinite().all():
                return name, "overflow"
            return name, "nan" if cast.isnan().any() else "inf"
        if x.count_nonzero() and not cast.count_nonzero():
            return name, "underflow"
    return None


@first_bad_tensor.wrong("the last bad tensor was returned: bad numbers spread, so the first one is near the cause")
def last_one(recorded: Recorded, dtype: torch.dtype) -> Found:
    bad = list(_bad(recorded, dtype, RIGHT))
    return bad[-1] if bad else None


@first_bad_tensor.wrong(
    "all tensors were searched for NaN before any was searched for the next kind: an overflow before the NaN is missed"
)
def worst_of_all(recorded: Recorded, dtype: torch.dtype) -> Found:
    found = list(_bad(recorded, dtype, RIGHT))
    return next(((name, kind) for wanted in RIGHT for name, kind in found if kind == wanted), None)


@first_bad_tensor.wrong("only NaN and infinities were looked for: check also what a cast to `dtype` does")
def as_recorded(recorded: Recorded, dtype: torch.dtype) -> Found:
    return _first(recorded, dtype, {"nan": _has_nan, "inf": _has_inf})


@first_bad_tensor.wrong("the tensor was cast before NaN and inf were checked: then an overflow is called an infinity")
def cast_first(recorded: Recorded, dtype: torch.dtype) -> Found:
    return _first([(name, x.to(dtype)) for name, x in recorded], dtype, RIGHT)


@first_bad_tensor.wrong("inf was asked before NaN: a tensor that has both is named by its NaN")
def inf_first(recorded: Recorded, dtype: torch.dtype) -> Found:
    return _first(recorded, dtype, {"inf": _has_inf, **RIGHT})


@first_bad_tensor.wrong("−inf was not found: an infinity may have either sign")
def only_positive_inf(recorded: Recorded, dtype: torch.dtype) -> Found:
    rules: Rules = {
        "inf": lambda x, dtype: bool((x == math.inf).any()),
        "overflow": lambda x, dtype: bool((x.to(dtype).isinf() & ~x.isinf()).any()),
    }
    return _first(recorded, dtype, {**RIGHT, **rules})


@first_bad_tensor.wrong("negative numbers were not checked for overflow: compare sizes, without the sign")
def only_positive_overflow(recorded: Recorded, dtype: torch.dtype) -> Found:
    rules: Rules = {"overflow": lambda x, dtype: bool((x.to(dtype) == math.inf).any())}
    return _first(recorded, dtype, {**RIGHT, **rules})


@first_bad_tensor.wrong("the smallest normal number was the limit for underflow: subnormals below it are not 0 either")
def no_subnormals(recorded: Recorded, dtype: torch.dtype) -> Found:
    def small(x: Tensor, dtype: torch.dtype) -> bool:
        return bool((x != 0).any()) and bool((x.double().abs() < torch.finfo(dtype).smallest_normal).all())

    return _first(recorded, dtype, {**RIGHT, "underflow": small})


@first_bad_tensor.wrong("one number that becomes 0 was called an underflow: all numbers of the tensor must become 0")
def any_underflow(recorded: Recorded, dtype: torch.dtype) -> Found:
    rules: Rules = {"underflow": lambda x, dtype: bool(((x != 0) & (x.to(dtype) == 0)).any())}
    return _first(recorded, dtype, {**RIGHT, **rules})


@first_bad_tensor.wrong("a tensor of zeros was called an underflow: nothing is lost if it was 0 before")
def zeros_underflow(recorded: Recorded, dtype: torch.dtype) -> Found:
    rules: Rules = {"underflow": lambda x, dtype: bool((x.to(dtype) == 0).all())}
    return _first(recorded, dtype, {**RIGHT, **rules})


@first_bad_tensor.wrong("underflow was not looked for: a gradient of zeros in fp16 trains nothing")
def no_underflow(recorded: Recorded, dtype: torch.dtype) -> Found:
    return _first(recorded, dtype, {kind: holds for kind, holds in RIGHT.items() if kind != "underflow"})


@first_bad_tensor.wrong("overflow needed all numbers to be too large: one is enough")
def all_overflow(recorded: Recorded, dtype: torch.dtype) -> Found:
    rules: Rules = {"overflow": lambda x, dtype: bool(x.numel()) and bool(x.to(dtype).isinf().all())}
    return _first(recorded, dtype, {**RIGHT, **rules})


@first_bad_tensor.wrong("fp16's limits were used for every dtype: bf16 reaches as far as float32")
def always_fp16(recorded: Recorded, dtype: torch.dtype) -> Found:
    return _first(recorded, torch.float16, RIGHT)


@first_bad_tensor.wrong(
    "the largest value of `dtype` was the limit: a cast rounds, so 65,519 becomes 65,504 in fp16 and not infinity"
)
def above_the_largest(recorded: Recorded, dtype: torch.dtype) -> Found:
    rules: Rules = {"overflow": lambda x, dtype: bool((x.double().abs() > torch.finfo(dtype).max).any())}
    return _first(recorded, dtype, {**RIGHT, **rules})


@first_bad_tensor.wrong("only the name was returned: the kind is part of the answer")
def name_alone(recorded: Recorded, dtype: torch.dtype) -> str | None:
    found = _first(recorded, dtype, RIGHT)
    return found and found[0]


@first_bad_tensor.wrong("the index was returned: the contract asks for the name")
def index_for_name(recorded: Recorded, dtype: torch.dtype) -> tuple[int, str] | None:
    for i, entry in enumerate(recorded):
        found = _first([entry], dtype, RIGHT)
        if found:
            return i, found[1]
    return None


@first_bad_tensor.wrong("an empty name and kind were returned if all tensors are good: the contract asks for None")
def empty_for_none(recorded: Recorded, dtype: torch.dtype) -> tuple[str, str]:
    return _first(recorded, dtype, RIGHT) or ("", "")
