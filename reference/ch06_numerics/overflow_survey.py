"""Thresholds by the definition of the formats: a value is rounded to the nearest of p significand bits, then judged."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reference import oracle

Judge = Callable[[Tensor, Tensor, torch.dtype], Tensor]  # of x, what the cast made of it, and the dtype

# significand bits, exponent of the smallest normal, largest finite value
FORMATS = {"float16": (11, -14, 65504.0), "bfloat16": (8, -126, (2 - 2**-7) * 2.0**127)}


def _rounded(x: Tensor, p: int, lowest: int) -> Tensor:
    _, e = torch.frexp(x)
    step = torch.ldexp(torch.ones_like(x), (e - p).clamp(min=lowest - p + 1))
    return torch.round(x / step) * step


def _survey(x: Tensor, overflowed: Tensor, flushed: Tensor, cast: Tensor) -> dict[str, Any]:
    kept = x.isfinite() & (x != 0) & ~overflowed & ~flushed
    errors = ((cast - x) / x).abs()[kept]
    return {
        "overflowed": overflowed,
        "flushed": flushed,
        "error": errors.max().item() if errors.numel() else 0.0,
    }


@oracle
def overflow_survey(x: Tensor) -> dict[str, dict[str, Any]]:
    wide, report = x.double(), {}
    for name, (p, lowest, top) in FORMATS.items():
        cast = _rounded(wide, p, lowest)
        overflowed = wide.isfinite() & (cast.abs() > top)
        report[name] = _survey(wide, overflowed, (wide != 0) & (cast == 0), cast)
    return report


def _by_casting(
    x: Tensor,
    overflows: Judge | None = None,
    flushes: Judge | None = None,
    kept: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> dict[str, dict[str, Any]]:
    report = {}
    for name in FORMATS:
        dtype = getattr(torch, name)
        cast = x.to(dtype).to(x.dtype)
        overflowed = overflows(x, cast, dtype) if overflows else cast.isinf() & x.isfinite()
        flushed = flushes(x, cast, dtype) if flushes else (cast == 0) & (x != 0)
        report[name] = _survey(x, overflowed, flushed, cast)
        if kept:
            errors = kept(x, cast)
            report[name]["error"] = errors.max().item() if errors.numel() else 0.0
    return report


@overflow_survey.right("cast there and back")
def by_casting(x: Tensor) -> dict[str, dict[str, Any]]:
    return _by_casting(x)


@overflow_survey.wrong("everything above 65,504 called lost: fp16 rounds what is below 65,520 down to it")
def above_largest(x: Tensor) -> dict[str, dict[str, Any]]:
    return _by_casting(x, overflows=lambda x, cast, dtype: x.isfinite() & (x.abs() > torch.finfo(dtype).max))


@overflow_survey.wrong("everything below the smallest normal called flushed: subnormals reach 2¹⁰ further in fp16")
def no_subnormals(x: Tensor) -> dict[str, dict[str, Any]]:
    return _by_casting(x, flushes=lambda x, cast, dtype: (x != 0) & (x.abs() < torch.finfo(dtype).smallest_normal))


@overflow_survey.wrong("an infinity that was there before is counted as an overflow")
def counts_given_infinities(x: Tensor) -> dict[str, dict[str, Any]]:
    return _by_casting(x, overflows=lambda x, cast, dtype: cast.isinf())


@overflow_survey.wrong("a zero that was there before is counted as flushed")
def counts_given_zeros(x: Tensor) -> dict[str, dict[str, Any]]:
    return _by_casting(x, flushes=lambda x, cast, dtype: cast == 0)


@overflow_survey.wrong("bf16 given fp16's range: it has the exponent of fp32")
def same_range(x: Tensor) -> dict[str, dict[str, Any]]:
    report = overflow_survey.fn(x)
    return {"float16": report["float16"], "bfloat16": report["float16"]}


@overflow_survey.wrong("bf16 taken to hold all of fp32's range: from 3.3962e38 on it overflows")
def bf16_never_overflows(x: Tensor) -> dict[str, dict[str, Any]]:
    report = _by_casting(x)
    wide = x.double()
    lost = report["bfloat16"]["overflowed"]
    report["bfloat16"] = _survey(wide, torch.zeros_like(lost), report["bfloat16"]["flushed"], _rounded(wide, 8, -126))
    return report


@overflow_survey.wrong("the error is absolute, not relative to the value")
def absolute_error(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        return (cast - x).abs()[x.isfinite() & cast.isfinite() & (cast != 0)]

    return _by_casting(x, kept=errors)


@overflow_survey.wrong("what overflowed takes part in the error, so it reads inf")
def error_of_the_infinite(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        return ((cast - x) / x).abs()[x.isfinite() & (cast != 0)]

    return _by_casting(x, kept=errors)


@overflow_survey.wrong("nothing left out of the error: a lost value makes it 1.0 or inf, a zero of `x` NaN")
def error_of_everything(x: Tensor) -> dict[str, dict[str, Any]]:
    return _by_casting(x, kept=lambda x, cast: ((cast - x) / x).abs())


@overflow_survey.wrong("what was flushed takes part in the error, so it reads 1.0")
def error_of_the_lost(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        return ((cast - x) / x).abs()[x.isfinite() & (x != 0) & cast.isfinite()]

    return _by_casting(x, kept=errors)


@overflow_survey.wrong("a zero of `x` takes part in the error, where 0/0 is NaN")
def error_of_zeros(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        return ((cast - x) / x).abs()[x.isfinite() & cast.isfinite() & ((cast != 0) | (x == 0))]

    return _by_casting(x, kept=errors)


@overflow_survey.wrong("the mean of the errors: the worst one is asked for")
def mean_error(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        kept = ((cast - x) / x).abs()[x.isfinite() & cast.isfinite() & (cast != 0)]
        return kept.mean().reshape(1) if kept.numel() else kept

    return _by_casting(x, kept=errors)


@overflow_survey.wrong("the largest of no errors taken: where nothing is kept, the error is 0.0")
def largest_of_nothing(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        return ((cast - x) / x).abs()[x.isfinite() & cast.isfinite() & (cast != 0)].max().reshape(1)

    return _by_casting(x, kept=errors)


@overflow_survey.wrong(
    "everything below the smallest subnormal called flushed: what is above half of it rounds up to it"
)
def below_the_smallest(x: Tensor) -> dict[str, dict[str, Any]]:
    smallest = {torch.float16: 2.0**-24, torch.bfloat16: 2.0**-133}
    return _by_casting(x, flushes=lambda x, cast, dtype: (x != 0) & (x.double().abs() < smallest[dtype]))


@overflow_survey.wrong("a tensor in place of a Python float for the error, which item() gives")
def error_as_tensor(x: Tensor) -> dict[str, dict[str, Any]]:
    report = _by_casting(x)
    for name, dtype in (("float16", torch.float16), ("bfloat16", torch.bfloat16)):
        cast = x.to(dtype).float()
        if (x.isfinite() & cast.isfinite() & (cast != 0)).any():
            report[name]["error"] = torch.tensor(report[name]["error"])
    return report


@overflow_survey.wrong("the error taken relative to what the cast made, not to the value itself")
def relative_to_the_cast(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        return ((cast - x) / cast).abs()[x.isfinite() & cast.isfinite() & (cast != 0)]

    return _by_casting(x, kept=errors)


@overflow_survey.wrong("the sign of the error kept: the largest of (cast − x) / x is not the largest in size")
def signed_error(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        return ((cast - x) / x)[x.isfinite() & cast.isfinite() & (cast != 0)]

    return _by_casting(x, kept=errors)
