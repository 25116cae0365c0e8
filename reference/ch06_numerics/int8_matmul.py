"""Whole numbers in floats, row by row: in float64 a sum of products of whole numbers is exact."""

from typing import Any

import torch
from torch import Tensor

from reference import oracle, promoted


def _checked(x: Tensor, w: Tensor) -> None:
    if x.shape[1] != w.shape[1]:
        raise ValueError("rows must be of one length")


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


@int8_matmul.right("integers throughout, int32 for each sum of products")
def by_broadcasting(x: Tensor, w: Tensor) -> Tensor:
    _checked(x, w)
    scale_x, scale_w = _scale(x.float()), _scale(w.float())
    a, b = (x.float() / scale_x).round().to(torch.int8), (w.float() / scale_w).round().to(torch.int8)
    total = (a.int().unsqueeze(1) * b.int().unsqueeze(0)).sum(-1, dtype=torch.int32)
    return (total.float() * (scale_x * scale_w.T)).to(x.dtype)


@int8_matmul.right("dequantised first, multiplied in float32: the same sum with the scales inside")
def dequantised_first(x: Tensor, w: Tensor) -> Tensor:
    _checked(x, w)
    scale_x, scale_w = _scale(x.float()), _scale(w.float())
    a, b = (x.float() / scale_x).round() * scale_x, (w.float() / scale_w).round() * scale_w
    return (a @ b.T).to(x.dtype)


@int8_matmul.wrong("added up in int8: past 127 it wraps round; add in int32")
def int8_sum(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, add=lambda a, b: _wrap(a @ b.T, 8))


@int8_matmul.wrong("added up in int16: a product reaches 16,129 and three of them wrap round; add in int32")
def int16_sum(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, add=lambda a, b: _wrap(a @ b.T, 16))


@int8_matmul.wrong("added up in fp16: beyond 2,048 it drops digits, beyond 65,519 it is inf; add in int32")
def fp16_sum(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, undo=lambda t, sx, sw: t.half().float() * sx * sw.T)


@int8_matmul.wrong("scaled twice: once before the product and once after it")
def scaled_twice(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, undo=lambda t, sx, sw: t * sx**2 * (sw**2).T)


@int8_matmul.wrong("scaled back by the scale of x alone: the integers of w had one too")
def scale_of_x_only(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, undo=lambda t, sx, sw: t * sx)


@int8_matmul.wrong("the whole numbers returned as they are, never scaled back")
def never_scaled_back(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, undo=lambda t, sx, sw: t)


@int8_matmul.wrong("divided by the scales at the end: they were divided by at the start, so multiply")
def divided_again(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, undo=lambda t, sx, sw: t / sx / sw.T)


@int8_matmul.wrong("scaled by 128, so that the largest value becomes 128, which int8 wraps to −128")
def by_128_wraps(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, lambda rows: _scale(rows, 128), lambda y: _wrap(torch.round(y), 8))


@int8_matmul.wrong("scaled by 128 and clamped to 127: the largest value of every row comes out smaller")
def by_128_clamped(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, lambda rows: _scale(rows, 128), lambda y: torch.round(y).clamp(-128, 127))


@int8_matmul.wrong("cast to int8 without rounding: a cast cuts off the fraction")
def truncated(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, whole=torch.trunc)


@int8_matmul.wrong("not rounded at all: these are the products of the originals")
def never_quantised(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, whole=lambda y: y)


@int8_matmul.wrong(
    "one scale for all of x and one for all of w: small rows round to nothing beside large ones; one a row"
)
def per_tensor(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, lambda rows: _scale(rows.reshape(1, -1)) if rows.numel() else _scale(rows))


@int8_matmul.wrong("one scale for all of x: small rows round to nothing beside large ones; one for each row")
def one_scale_for_x(x: Tensor, w: Tensor) -> Tensor:
    scales = iter([_scale(x.float().reshape(1, -1)) if x.numel() else _scale(x.float()), _scale(w.float())])
    return _variant(x, w, lambda rows: next(scales))


@int8_matmul.wrong("the scales rounded to the dtype of x: in 16 bits many values go to another integer; keep float32")
def scales_rounded(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w.to(x.dtype), lambda rows: _scale(rows).to(x.dtype).float(), _nearest)


@int8_matmul.wrong("scales computed in 16 bits: many values go to another integer; widen the rows to float32 first")
def scales_in_16_bits(x: Tensor, w: Tensor) -> Tensor:
    scales = iter([_scale(x).float(), _scale(w).float()])
    return _variant(x, w, lambda rows: next(scales), _nearest)


@int8_matmul.wrong("w rounded to the dtype of x before it is quantised: both are widened to float32")
def w_in_the_dtype_of_x(x: Tensor, w: Tensor) -> Tensor:
    _checked(x, w)
    return int8_matmul.fn(x.float(), w.to(x.dtype).float()).to(x.dtype)


@int8_matmul.wrong("the largest value for the largest |value|: a row that reaches further below zero wraps round")
def signed_maximum(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, _signed_scale, lambda y: _wrap(torch.round(y), 8))


def _signed_scale(rows: Tensor) -> Tensor:
    top = rows.amax(1, keepdim=True) / 127
    return torch.where(top == 0, torch.ones_like(top), top)


@int8_matmul.wrong("the largest value for the largest |value|: a row that reaches further below zero is cut off there")
def signed_maximum_clamped(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, _signed_scale, _nearest)


@int8_matmul.wrong("scaled by the mean of |value|: what is above 127 means wraps or is clipped, the rest has few steps")
def by_the_mean(x: Tensor, w: Tensor) -> Tensor:
    def scale(rows: Tensor) -> Tensor:
        top = rows.abs().mean(1, keepdim=True) / 127
        return torch.where(top == 0, torch.ones_like(top), top)

    return _variant(x, w, scale, _nearest)


@int8_matmul.wrong("a row of zeros gives NaN: its scale is 0, and 0 / 0 is no number")
def nan_on_zeros(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, lambda rows: rows.abs().amax(1, keepdim=True) / 127)


@int8_matmul.wrong("a smallest scale against division by zero: rows below it round to nothing; use 1 where all are 0")
def floor_on_the_scale(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, lambda rows: (rows.abs().amax(1, keepdim=True) / 127).clamp(min=1e-5))


@int8_matmul.wrong("x @ w, not x @ w.T: the rows of w are the output channels")
def not_transposed(x: Tensor, w: Tensor) -> Tensor:
    if x.shape[1] != w.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({len(x)}x{x.shape[1]} and {len(w)}x{w.shape[1]})"
        )
    return _variant(x, w, add=lambda a, b: a @ b)


@int8_matmul.wrong("lengths not checked: matmul raises a RuntimeError, and a ValueError is asked for")
def unchecked(x: Tensor, w: Tensor) -> Tensor:
    if x.shape[1] != w.shape[1]:
        return x.int() @ w.int().T  # raises
    return _variant(x, w)


@int8_matmul.wrong(
    "scaled back in the low precision of the input: a sum of 65,520 is inf in fp16 before its scale can help"
)
def scaled_back_in_low_precision(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, undo=lambda t, sx, sw: t.to(x.dtype) * sx.to(x.dtype) * sw.T.to(x.dtype))


int8_matmul.standard_wrongs("returns_fp32", of="x")


@int8_matmul.wrong("the scales of w not turned: they belong to the columns of the result, so multiply by a row of them")
def scales_not_turned(x: Tensor, w: Tensor) -> Tensor:
    return _variant(x, w, undo=lambda t, sx, sw: t.float() * sx * sw)
