"""By thresholds: values up to half of the smallest subnormal are lost (a tie goes to the even 0)."""

from typing import Any

import torch
from torch import Tensor

from reference import oracle

HALF_OF_SMALLEST = {"float16": 2.0**-25, "bfloat16": 2.0**-134}


def _shares(g: Tensor, fp16: Tensor, bf16: Tensor, scaled: Tensor) -> dict[str, float]:
    real = g != 0
    n = max(1, int(real.sum()))
    shares = {"float16": fp16, "bfloat16": bf16, "float16_scaled": scaled}
    return {name: int((lost & real).sum()) / n for name, lost in shares.items()}


@oracle
def gradient_underflow(g: Tensor, scale: int) -> dict[str, float]:
    size = g.double().abs()
    fp16, bf16 = HALF_OF_SMALLEST["float16"], HALF_OF_SMALLEST["bfloat16"]
    return _shares(g, size <= fp16, size <= bf16, size * scale <= fp16)


def _cast(x: Tensor, dtype: torch.dtype = torch.float16) -> Tensor:
    return x.to(dtype) == 0


@gradient_underflow.right("cast and look")
def by_casting(g: Tensor, scale: int) -> dict[str, float]:
    g = g.float()
    return _shares(g, _cast(g), _cast(g, torch.bfloat16), _cast(g * scale))


@gradient_underflow.right("cast, scaled back in float32, and checked there")
def by_round_trip(g: Tensor, scale: int) -> dict[str, float]:
    g = g.float()
    back = (g * scale).half().float() / scale
    return _shares(g, _cast(g), g.bfloat16().float() == 0, back == 0)


@gradient_underflow.right("entry by entry")
def entry_by_entry(g: Tensor, scale: int) -> dict[str, float]:
    counts, n = [0, 0, 0], 0
    for x in g.float().flatten():
        if x != 0:
            n += 1
            for i, y in enumerate((x.half(), x.bfloat16(), (x * scale).half())):
                counts[i] += int(y.item() == 0)
    names = ("float16", "bfloat16", "float16_scaled")
    return {name: count / n if n else 0.0 for name, count in zip(names, counts, strict=True)}


@gradient_underflow.wrong("the scale was applied after the cast: a gradient that is zero by then stays zero")
def scaled_after(g: Tensor, scale: int) -> dict[str, float]:
    g = g.float()
    return _shares(g, _cast(g), _cast(g, torch.bfloat16), g.half() * scale == 0)


@gradient_underflow.wrong("the gradients were divided by the scale: this makes them even smaller; multiply by it")
def divided(g: Tensor, scale: int) -> dict[str, float]:
    g = g.float()
    return _shares(g, _cast(g), _cast(g, torch.bfloat16), _cast(g / scale))


@gradient_underflow.wrong("the gradients were scaled back in fp16: they underflow again; scale back in float32")
def unscaled_in_fp16(g: Tensor, scale: int) -> dict[str, float]:
    g = g.float()
    return _shares(g, _cast(g), _cast(g, torch.bfloat16), ((g * scale).half().float() / scale).half() == 0)


@gradient_underflow.wrong("zeros of `g` were counted as lost, and the count was divided by the number of all entries")
def counts_zeros(g: Tensor, scale: int) -> dict[str, float]:
    g = g.float()
    n = max(1, g.numel())
    shares = gradient_underflow.fn(g, scale)
    zeros = int((g == 0).sum())
    return {name: (share * (n - zeros) + zeros) / n for name, share in shares.items()}


@gradient_underflow.wrong(
    "the count was divided by all entries: divide by the nonzero entries, or sparse gradients hide the loss"
)
def of_all_entries(g: Tensor, scale: int) -> dict[str, float]:
    real = int((g != 0).sum())
    return {name: share * real / max(1, g.numel()) for name, share in gradient_underflow.fn(g, scale).items()}


@gradient_underflow.wrong(
    "all values below the smallest normal were counted as lost: fp16's subnormals reach down to 6e-8"
)
def no_subnormals(g: Tensor, scale: int) -> dict[str, float]:
    g = g.float()
    fp16, bf16 = torch.finfo(torch.float16).smallest_normal, torch.finfo(torch.bfloat16).smallest_normal
    return _shares(g, g.abs() < fp16, g.abs() < bf16, (g * scale).abs() < fp16)


@gradient_underflow.wrong(
    "all values below the smallest subnormal were counted as lost: values above half of it round up to it"
)
def smallest_subnormal(g: Tensor, scale: int) -> dict[str, float]:
    size = g.double().abs()
    return _shares(g, size < 2.0**-24, size < 2.0**-133, size * scale < 2.0**-24)


@gradient_underflow.wrong("a limit of about 1e-8 was used: fp16 loses everything up to 2⁻²⁵, about 2.98e-8")
def limit_from_memory(g: Tensor, scale: int) -> dict[str, float]:
    size = g.double().abs()
    return _shares(g, size < 1.01e-8, size <= 2.0**-134, size * scale < 1.01e-8)


@gradient_underflow.wrong("fp16's range was used for bf16: bf16 has the exponent of fp32 and loses almost nothing")
def both_halves_alike(g: Tensor, scale: int) -> dict[str, float]:
    shares = gradient_underflow.fn(g, scale)
    return {**shares, "bfloat16": shares["float16"]}


@gradient_underflow.wrong(
    "the loss of bf16 was always 0: fp32 has subnormals down to 1.4e-45, but bf16 only down to 9.2e-41"
)
def bf16_loses_nothing(g: Tensor, scale: int) -> dict[str, float]:
    return {**gradient_underflow.fn(g, scale), "bfloat16": 0.0}


@gradient_underflow.wrong("all values that the cast changed were counted as lost: rounding is not underflow")
def changed_is_lost(g: Tensor, scale: int) -> dict[str, float]:
    g = g.float()
    scaled = (g * scale).half().float() / scale
    return _shares(g, g.half().float() != g, g.bfloat16().float() != g, scaled != g)


@gradient_underflow.wrong(
    "values that became infinite were counted as lost: this is overflow, which loss scaling can cause"
)
def infinite_is_lost(g: Tensor, scale: int) -> dict[str, float]:
    g = g.float()
    big = (g * scale).half()
    half, brain = g.half(), g.bfloat16()
    return _shares(g, (half == 0) | half.isinf(), (brain == 0) | brain.isinf(), (big == 0) | big.isinf())


@gradient_underflow.wrong("the number of lost gradients was returned, not their share")
def counted(g: Tensor, scale: int) -> dict[str, float]:
    n = max(1, int((g != 0).sum()))
    return {name: float(round(share * n)) for name, share in gradient_underflow.fn(g, scale).items()}


@gradient_underflow.wrong("the share that is kept was returned, not the share that is lost")
def survivors(g: Tensor, scale: int) -> dict[str, float]:
    return {name: 1 - share for name, share in gradient_underflow.fn(g, scale).items()}


@gradient_underflow.wrong("the share was in percent: it must be between 0.0 and 1.0")
def percent(g: Tensor, scale: int) -> dict[str, float]:
    return {name: 100 * share for name, share in gradient_underflow.fn(g, scale).items()}


@gradient_underflow.wrong("the share was 0/0 if all gradients are zero: nothing can be lost then, so return 0.0")
def nan_of_nothing(g: Tensor, scale: int) -> dict[str, float]:
    return gradient_underflow.fn(g, scale) if (g != 0).any() else dict.fromkeys(gradient_underflow.fn(g, 1), torch.nan)


@gradient_underflow.wrong(
    "an error (division by zero) if all gradients are zero: nothing can be lost then, so the share is 0.0"
)
def divides_by_zero(g: Tensor, scale: int) -> dict[str, float]:
    1 / int((g != 0).sum())
    return gradient_underflow.fn(g, scale)


@gradient_underflow.wrong("zeros of `g` were counted as lost, and the count was divided by all nonzero entries")
def counts_zeros_twice(g: Tensor, scale: int) -> dict[str, float]:
    real = int((g != 0).sum())
    shares = gradient_underflow.fn(g, scale)
    zeros = g.numel() - real
    return {name: (round(share * real) + zeros) / real for name, share in shares.items()} if real else shares


@gradient_underflow.wrong("the shares were tensors: the contract asks for Python floats; item() returns them")
def as_tensors(g: Tensor, scale: int) -> dict[str, Any]:
    shares = gradient_underflow.fn(g, scale)
    if not (g != 0).any():
        return shares
    return {name: torch.tensor(share, dtype=torch.float64) for name, share in shares.items()}


@gradient_underflow.wrong(
    "every gradient below a positive limit was counted as lost, also large negative ones: compare absolute values"
)
def negative_is_lost(g: Tensor, scale: int) -> dict[str, float]:
    wide = g.double()
    fp16, bf16 = HALF_OF_SMALLEST["float16"], HALF_OF_SMALLEST["bfloat16"]
    return _shares(g, wide <= fp16, wide <= bf16, wide * scale <= fp16)
