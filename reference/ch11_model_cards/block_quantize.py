"""Block by block in NumPy, float32 throughout."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reference import oracle

Quantized = tuple[Tensor, Tensor, Tensor]


@oracle
def block_quantize(x: Tensor, block: int = 32) -> Quantized:
    _checked(x, block)
    values = x.numpy()
    codes, scales, lows = [], [], []
    for start in range(0, len(values), block):
        run = values[start : start + block].astype(np.float32)
        low, high = run.min(), run.max()
        scale = np.float32(high - low) / np.float32(15)
        steps = [np.float32(w - low) / scale if scale else np.float32(0) for w in run]
        codes.append([int(np.floor(step + np.float32(0.5))) for step in steps])
        scales.append(scale)
        lows.append(low)
    return (
        torch.tensor(codes, dtype=torch.uint8).reshape(-1, block),
        torch.tensor(np.array(scales, np.float16)),
        torch.tensor(np.array(lows, np.float16)),
    )


def _checked(x: Tensor, block: int) -> None:
    if len(x) % block:
        raise ValueError("not a whole number of blocks")


def _quantize(
    x: Tensor,
    block: int,
    low: Callable[[Tensor], Tensor] = lambda b: b.amin(1, keepdim=True),
    scale: Callable[[Tensor, Tensor], Tensor] = lambda b, low: (b.amax(1, keepdim=True) - low) / 15,
    code: Callable[[Tensor], Tensor] = lambda steps: torch.floor(steps + 0.5),
    blocks: Any = lambda x, block: x.reshape(-1, block),
) -> Quantized:
    """The other arguments are what a wrong answer does differently."""
    _checked(x, block)
    runs = blocks(x, block)
    lowest = low(runs)
    width = scale(runs, lowest).expand(len(runs), 1)
    steps = (runs - lowest) / width.masked_fill(width == 0, 1.0)
    return code(steps).to(torch.uint8), width.squeeze(1).half(), lowest.expand(len(runs), 1).squeeze(1).half()


@block_quantize.right("a loop over the blocks in torch")
def by_loop(x: Tensor, block: int = 32) -> Quantized:
    _checked(x, block)
    found = [_quantize(run, block) for run in x.split(block)] if len(x) else [_quantize(x, block)]  # type: ignore[no-untyped-call]
    codes, scale, low = (torch.cat(parts) for parts in zip(*found, strict=True))
    return codes, scale, low


@block_quantize.wrong("the range was divided by 16: sixteen codes have fifteen steps between them")
def by_sixteen(x: Tensor, block: int = 32) -> Quantized:
    return _quantize(x, block, scale=lambda b, low: (b.amax(1, keepdim=True) - low) / 16)


@block_quantize.wrong("the range was divided by 16: sixteen codes have fifteen steps between them")
def by_sixteen_clamped(x: Tensor, block: int = 32) -> Quantized:
    return _quantize(
        x,
        block,
        scale=lambda b, low: (b.amax(1, keepdim=True) - low) / 16,
        code=lambda steps: torch.floor(steps + 0.5).clamp(0, 15),
    )


@block_quantize.wrong("the codes were cut off, not rounded: add 0.5 before the floor")
def truncated(x: Tensor, block: int = 32) -> Quantized:
    return _quantize(x, block, code=torch.floor)


@block_quantize.wrong("halves were rounded to the even number, as torch.round does: round halves up")
def half_to_even(x: Tensor, block: int = 32) -> Quantized:
    return _quantize(x, block, code=torch.round)


@block_quantize.wrong("one scale and one minimum were used for all blocks: each block has its own")
def one_scale(x: Tensor, block: int = 32) -> Quantized:
    return _quantize(
        x, block, low=lambda b: b.amin().reshape(1, 1), scale=lambda b, low: (b.amax().reshape(1, 1) - low) / 15
    )


@block_quantize.wrong("a block took every k-th weight: a block consists of neighboring weights")
def interleaved(x: Tensor, block: int = 32) -> Quantized:
    return _quantize(x, block, blocks=lambda x, block: x.reshape(block, -1).T)


@block_quantize.wrong("`block` was taken for the number of blocks: it is the length of a block")
def number_of_blocks(x: Tensor, block: int = 32) -> Quantized:
    return _quantize(x, block, blocks=lambda x, block: x.reshape(block, -1))


@block_quantize.wrong(
    "no minimum was subtracted, and the scale came from the largest absolute value: use the minimum and the range"
)
def symmetric(x: Tensor, block: int = 32) -> Quantized:
    _checked(x, block)
    runs = x.reshape(-1, block)
    scale = runs.abs().amax(1, keepdim=True) / 7
    codes = torch.floor(runs / scale.masked_fill(scale == 0, 1.0) + 8.5).clamp(0, 15)
    return codes.to(torch.uint8), scale.squeeze(1).half(), (-8 * scale).squeeze(1).half()


@block_quantize.wrong("the largest absolute value was used: use the largest weight")
def from_sizes(x: Tensor, block: int = 32) -> Quantized:
    return _quantize(x, block, scale=lambda b, low: (b.abs().amax(1, keepdim=True) - low) / 15)


@block_quantize.wrong("scale and minimum were rounded to fp16 before the codes were made: round them at the end")
def stored_scale(x: Tensor, block: int = 32) -> Quantized:
    return _quantize(
        x,
        block,
        low=lambda b: b.amin(1, keepdim=True).half().float(),
        scale=lambda b, low: ((b.amax(1, keepdim=True) - b.amin(1, keepdim=True)) / 15).half().float(),
        code=lambda steps: torch.floor(steps + 0.5).clamp(0, 15),
    )


@block_quantize.wrong("a block of equal weights was divided by a scale of 0: its codes are 0")
def nan_when_equal(x: Tensor, block: int = 32) -> Quantized:
    codes, scale, low = _quantize(x, block)
    return torch.where(scale.unsqueeze(1) == 0, 8, codes).to(torch.uint8), scale, low


@block_quantize.wrong("weights that fill no block were dropped: raise ValueError")
def drops_the_tail(x: Tensor, block: int = 32) -> Quantized:
    return _quantize(x[: len(x) // block * block], block)


@block_quantize.wrong("scale and minimum are in float32: return them in fp16")
def float32_scales(x: Tensor, block: int = 32) -> Quantized:
    codes, scale, low = _quantize(x, block)
    return codes, scale.float(), low.float()


@oracle
def block_dequantize(codes: Tensor, scale: Tensor, low: Tensor) -> Tensor:
    weights = [
        [np.float32(s) * np.float32(c) + np.float32(m) for c in row]
        for row, s, m in zip(codes.tolist(), scale.tolist(), low.tolist(), strict=True)
    ]
    return torch.tensor(np.array(weights, np.float32).reshape(-1))


@block_dequantize.right("by addcmul")
def by_addcmul(codes: Tensor, scale: Tensor, low: Tensor) -> Tensor:
    return torch.addcmul(low.float()[:, None], scale.float()[:, None], codes.float()).flatten()


@block_dequantize.wrong("the minimum was subtracted: quantizing subtracted it, so add it now")
def low_subtracted(codes: Tensor, scale: Tensor, low: Tensor) -> Tensor:
    return (scale.float()[:, None] * codes.float() - low.float()[:, None]).flatten()


@block_dequantize.wrong("the minimum was left out: add it after the scale")
def no_minimum(codes: Tensor, scale: Tensor, low: Tensor) -> Tensor:
    return (scale.float()[:, None] * codes.float()).flatten()


@block_dequantize.wrong("8 was subtracted from each code: that is for formats without a minimum")
def signed_codes(codes: Tensor, scale: Tensor, low: Tensor) -> Tensor:
    return (scale.float()[:, None] * (codes.float() - 8) + low.float()[:, None]).flatten()


@block_dequantize.wrong("the minimum was added before the scale: (code + minimum) · scale also scales the minimum")
def added_first(codes: Tensor, scale: Tensor, low: Tensor) -> Tensor:
    return (scale.float()[:, None] * (codes.float() + low.float()[:, None])).flatten()


@block_dequantize.wrong("the sum was computed in fp16: upcast scale and minimum to float32 first")
def in_fp16(codes: Tensor, scale: Tensor, low: Tensor) -> Tensor:
    return (scale[:, None] * codes.half() + low[:, None]).float().flatten()


@block_dequantize.wrong("the result has a row per block: return all weights in one row")
def keeps_blocks(codes: Tensor, scale: Tensor, low: Tensor) -> Tensor:
    return scale.float()[:, None] * codes.float() + low.float()[:, None]
