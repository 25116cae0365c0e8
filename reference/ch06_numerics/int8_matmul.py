"""Integers stored as floats, row by row: in float64 a sum of products of integers is exact."""

from typing import Any

import torch
from torch import Tensor

from reference import oracle, promoted


def _checked(x: Tensor, w: Tensor) -> None:
    if x.shape[1] != w.shape[1]:
        raise ValueError("rows must have the same length")


@oracle
def int8_matmul(x: Tensor, w: Tensor) -> Tensor:
    _checked(x, w)
    dtype = x.dtype
    x, w = promoted(x, w)
    top_x, top_w = (rows.abs().amax(1, keepdim=True) for rows in (x, w))
    whole_x, whole_w = (
        torch.round(rows / torch.where(top == 0, torch.ones_like(top), top) * 127)
        for rows, top in ((x, top_x), (w, top_w))
    )
    return (whole_x @ whole_w.T * (top_x / 127) * (top_w / 127).T).to(dtype)


def _scale(rows: Tensor, end: int = 127) -> Tensor:
    top = rows.abs().amax(1, keepdim=True) / end
    return torch.where(top == 0, torch.ones_like(top), top)


def _variant(
    x: Tensor,
    w: Tensor,
    scale: Any = _scale,
    whole: Any = torch.round,
    add: Any = lambda a, b: a @ b.T,
    undo: Any = lambda t, sx, sw: t * sx * sw.T,
) -> Tensor:
    """Every step of it, to be done otherwise; whole numbers are held in float64, where sums are exact."""
    _checked(x, w)
    scale_x, scale_w = scale(x.float()), scale(w.float())
    whole_x, whole_w = whole(x.float() / scale_x).double(), whole(w.float() / scale_w).double()
    return undo(add(whole_x, whole_w), scale_x, scale_w).to(x.dtype)


def _nearest(t: Tensor) -> Tensor:
    return torch.round(t).clamp(-127, 127)


def _wrap(t: Tensor, bits: int) -> Tensor:
    half = 2 ** (bits - 1)
    return (t + half) % (2 * half) - half


@int8_matmul.right("in integers, with int32 for each sum of products")
def by_broadcasting(x: Tensor, w: Tensor) -> Tensor:
    _checked(x, w)
    scale_x, scale_w = _scale(x.float()), _scale(w.float())
    a, b = (x.float() / scale_x).round().to(torch.int8), (w.float() / scale_w).round().to(torch.int8)
    total = (a.int().unsqueeze(1) * b.int().unsqueeze(0)).sum(-1, dtype=torch.int32)
    return (total.float() * (scale_x * scale_w.T)).to(x.dtype)


@int8_matmul.right("dequantized first, then multiplied in float32: the same sum with the scales inside")
def dequantised_first(x: Tensor, w: Tensor) -> Tensor:
    _checked(x, w)
    scale_x, scale_w = _scale(x.float()), _scale(w.float())
    a, b = (x.float() / scale_x).round() * scale_x, (w.float() / scale_w).round() * scale_w
    return (a @ b.T).to(x.dtype)


@int8_matmul.wrong("the sum ran in int8: it wraps around above 127; add in int32")
def int8_sum(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, add=lambda a, b: _wrap(a @ b.T, 8))


@int8_matmul.wrong("the sum ran in int16: a product reaches 16,129, and three of them wrap around; add in int32")
def int16_sum(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, add=lambda a, b: _wrap(a @ b.T, 16))


@int8_matmul.wrong("the sum ran in fp16: it loses digits above 2,048 and is inf above 65,519; add in int32")
def fp16_sum(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, undo=lambda t, sx, sw: t.half().float() * sx * sw.T)


@int8_matmul.wrong("the scales were applied twice: once before the product and once after it")
def scaled_twice(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, undo=lambda t, sx, sw: t * sx**2 * (sw**2).T)


@int8_matmul.wrong("only the scale of x was applied: the integers of w have a scale too")
def scale_of_x_only(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, undo=lambda t, sx, sw: t * sx)


@int8_matmul.wrong("the integer sums were returned: multiply them by their two scales")
def never_scaled_back(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, undo=lambda t, sx, sw: t)


@int8_matmul.wrong("the sums were divided by the scales: the rows were divided by them at the start, so now multiply")
def divided_again(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, undo=lambda t, sx, sw: t / sx / sw.T)


@int8_matmul.wrong("the scale used 128, not 127: the largest value becomes 128, which wraps to −128 in int8")
def by_128_wraps(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, lambda rows: _scale(rows, 128), lambda y: _wrap(torch.round(y), 8))


@int8_matmul.wrong("the scale used 128, with a clamp to 127: the largest value of every row gets too small")
def by_128_clamped(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, lambda rows: _scale(rows, 128), lambda y: torch.round(y).clamp(-128, 127))


@int8_matmul.wrong("values were cast to int8 without rounding: a cast cuts off the fraction")
def truncated(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, whole=torch.trunc)


@int8_matmul.wrong("nothing was rounded: these are products of the original values")
def never_quantised(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, whole=lambda y: y)


@int8_matmul.wrong(
    "one scale for all of x and one for all of w: small rows next to large rows round to 0; use a scale per row"
)
def per_tensor(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, lambda rows: _scale(rows.reshape(1, -1)) if rows.numel() else _scale(rows))


@int8_matmul.wrong("one scale was used for all of x: small rows next to large rows round to 0; use a scale per row")
def one_scale_for_x(x: Tensor, w: Tensor) -> Tensor:
    scales = iter([_scale(x.float().reshape(1, -1)) if x.numel() else _scale(x.float()), _scale(w.float())])
    return _variant(x, w, lambda rows: next(scales))


@int8_matmul.wrong(
    "the scales were rounded to the dtype of x: in 16 bits many values become a different integer; keep float32"
)
def scales_rounded(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w.to(x.dtype), lambda rows: _scale(rows).to(x.dtype).float(), _nearest)


@int8_matmul.wrong(
    "the scales were computed in 16 bits: many values become a different integer; convert to float32 first"
)
def scales_in_16_bits(x: Tensor, w: Tensor) -> Tensor:
    scales = iter([_scale(x).float(), _scale(w).float()])
    return _variant(x, w, lambda rows: next(scales), _nearest)


@int8_matmul.wrong("w was rounded to the dtype of x before it was quantized: convert both to float32")
def w_in_the_dtype_of_x(x: Tensor, w: Tensor) -> Tensor:
    _checked(x, w)
    return int8_matmul.fn(x.float(), w.to(x.dtype).float()).to(x.dtype)


@int8_matmul.wrong("the largest value was used, not the largest |value|: large negative values wrap around")
def signed_maximum(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, _signed_scale, lambda y: _wrap(torch.round(y), 8))


def _signed_scale(rows: Tensor) -> Tensor:
    top = rows.amax(1, keepdim=True) / 127
    return torch.where(top == 0, torch.ones_like(top), top)


@int8_matmul.wrong("the largest value was used, not the largest |value|: large negative values are clipped")
def signed_maximum_clamped(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, _signed_scale, _nearest)


@int8_matmul.wrong(
    "the scale came from the mean of |value|: values above 127 times the mean wrap around or are clipped"
)
def by_the_mean(x: Tensor, w: Tensor) -> Tensor:
    def scale(rows: Tensor) -> Tensor:
        top = rows.abs().mean(1, keepdim=True) / 127
        return torch.where(top == 0, torch.ones_like(top), top)

    return _variant(x, w, scale, _nearest)


@int8_matmul.wrong("a row of zeros gives NaN: its scale is 0, and 0 / 0 is NaN")
def nan_on_zeros(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, lambda rows: rows.abs().amax(1, keepdim=True) / 127)


@int8_matmul.wrong("scales had a minimum, to avoid division by zero: rows of tiny values become 0; use 1 if all are 0")
def floor_on_the_scale(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, lambda rows: (rows.abs().amax(1, keepdim=True) / 127).clamp(min=1e-5))


@int8_matmul.wrong("x @ w was computed, not x @ w.T: the rows of w are the output channels")
def not_transposed(x: Tensor, w: Tensor) -> Tensor:
    if x.shape[1] != w.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({len(x)}x{x.shape[1]} and {len(w)}x{w.shape[1]})"
        )
    return _variant(x, w, add=lambda a, b: a @ b)


@int8_matmul.wrong("the lengths were not checked: matmul raises a RuntimeError, but the contract asks for a ValueError")
def unchecked(x: Tensor, w: Tensor) -> Tensor:
    if x.shape[1] != w.shape[1]:
        return x.int() @ w.int().T  # raises
    return _variant(x, w)


@int8_matmul.wrong(
    "the sums were scaled in the dtype of the input: a sum of 65,520 is inf in fp16 before its scale can help"
)
def scaled_back_in_low_precision(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, undo=lambda t, sx, sw: t.to(x.dtype) * sx.to(x.dtype) * sw.T.to(x.dtype))


int8_matmul.standard_wrongs("returns_fp32", of="x")


@int8_matmul.wrong("the scales of w were applied as a column: they belong to the columns of the result, so use a row")
def scales_not_turned(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, undo=lambda t, sx, sw: t.float() * sx * sw)
