"""By the definition of the formats: round a value to p significand bits, then compare with the limits."""

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


@overflow_survey.wrong("all values above 65,504 were counted as lost: fp16 rounds values below 65,520 down to 65,504")
def above_largest(x: Tensor) -> dict[str, dict[str, Any]]:
    return _by_casting(x, overflows=lambda x, cast, dtype: x.isfinite() & (x.abs() > torch.finfo(dtype).max))


@overflow_survey.wrong(
    "all values below the smallest normal were counted as flushed: fp16's subnormals are 2¹⁰ times smaller"
)
def no_subnormals(x: Tensor) -> dict[str, dict[str, Any]]:
    return _by_casting(x, flushes=lambda x, cast, dtype: (x != 0) & (x.abs() < torch.finfo(dtype).smallest_normal))


@overflow_survey.wrong("an infinity that was in `x` was counted as an overflow")
def counts_given_infinities(x: Tensor) -> dict[str, dict[str, Any]]:
    return _by_casting(x, overflows=lambda x, cast, dtype: cast.isinf())


@overflow_survey.wrong("a zero that was in `x` was counted as flushed")
def counts_given_zeros(x: Tensor) -> dict[str, dict[str, Any]]:
    return _by_casting(x, flushes=lambda x, cast, dtype: cast == 0)


@overflow_survey.wrong("fp16's range was used for bf16: bf16 has the exponent of fp32")
def same_range(x: Tensor) -> dict[str, dict[str, Any]]:
    report = overflow_survey.fn(x)
    return {"float16": report["float16"], "bfloat16": report["float16"]}


@overflow_survey.wrong("bf16 was given all of fp32's range: bf16 overflows from 3.3962e38 on")
def bf16_never_overflows(x: Tensor) -> dict[str, dict[str, Any]]:
    report = _by_casting(x)
    wide = x.double()
    lost = report["bfloat16"]["overflowed"]
    report["bfloat16"] = _survey(wide, torch.zeros_like(lost), report["bfloat16"]["flushed"], _rounded(wide, 8, -126))
    return report


@overflow_survey.wrong("the error was absolute: it must be relative to the value")
def absolute_error(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        return (cast - x).abs()[x.isfinite() & cast.isfinite() & (cast != 0)]

    return _by_casting(x, kept=errors)


@overflow_survey.wrong("values that overflowed were included in the error, so it is inf")
def error_of_the_infinite(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        return ((cast - x) / x).abs()[x.isfinite() & (cast != 0)]

    return _by_casting(x, kept=errors)


@overflow_survey.wrong(
    "no value was left out of the error: a lost value makes it 1.0 or inf, and a zero of `x` makes it NaN"
)
def error_of_everything(x: Tensor) -> dict[str, dict[str, Any]]:
    return _by_casting(x, kept=lambda x, cast: ((cast - x) / x).abs())


@overflow_survey.wrong("flushed values were included in the error, so it is 1.0")
def error_of_the_lost(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        return ((cast - x) / x).abs()[x.isfinite() & (x != 0) & cast.isfinite()]

    return _by_casting(x, kept=errors)


@overflow_survey.wrong("zeros of `x` were included in the error: 0/0 is NaN")
def error_of_zeros(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        return ((cast - x) / x).abs()[x.isfinite() & cast.isfinite() & ((cast != 0) | (x == 0))]

    return _by_casting(x, kept=errors)


@overflow_survey.wrong("the mean of the errors was returned: the contract asks for the worst error")
def mean_error(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        kept = ((cast - x) / x).abs()[x.isfinite() & cast.isfinite() & (cast != 0)]
        return kept.mean().reshape(1) if kept.numel() else kept

    return _by_casting(x, kept=errors)


@overflow_survey.wrong("the maximum of an empty list of errors was taken: if no value is left, the error is 0.0")
def largest_of_nothing(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        return ((cast - x) / x).abs()[x.isfinite() & cast.isfinite() & (cast != 0)].max().reshape(1)

    return _by_casting(x, kept=errors)


@overflow_survey.wrong(
    "all values below the smallest subnormal were counted as flushed: values above half of it round up to it"
)
def below_the_smallest(x: Tensor) -> dict[str, dict[str, Any]]:
    smallest = {torch.float16: 2.0**-24, torch.bfloat16: 2.0**-133}
    return _by_casting(x, flushes=lambda x, cast, dtype: (x != 0) & (x.double().abs() < smallest[dtype]))


@overflow_survey.wrong("the error was a tensor: the contract asks for a Python float; item() returns it")
def error_as_tensor(x: Tensor) -> dict[str, dict[str, Any]]:
    report = _by_casting(x)
    for name, dtype in (("float16", torch.float16), ("bfloat16", torch.bfloat16)):
        cast = x.to(dtype).float()
        if (x.isfinite() & cast.isfinite() & (cast != 0)).any():
            report[name]["error"] = torch.tensor(report[name]["error"])
    return report


@overflow_survey.wrong("the error was relative to the result of the cast: it must be relative to the value in `x`")
def relative_to_the_cast(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        return ((cast - x) / cast).abs()[x.isfinite() & cast.isfinite() & (cast != 0)]

    return _by_casting(x, kept=errors)


@overflow_survey.wrong("the sign of the error was kept: take the absolute value before the maximum")
def signed_error(x: Tensor) -> dict[str, dict[str, Any]]:
    def errors(x: Tensor, cast: Tensor) -> Tensor:
        return ((cast - x) / x)[x.isfinite() & cast.isfinite() & (cast != 0)]

    return _by_casting(x, kept=errors)
