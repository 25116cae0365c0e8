import math

import torch
from torch import Tensor

from reference import oracle, promoted


@oracle
def rms_norm(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    if gain.shape != x.shape[-1:]:
        raise ValueError("the gain needs one number for each channel")
    wide, by = promoted(x, gain)
    rms = ((wide * wide).sum(-1, keepdim=True) / x.shape[-1] + eps).sqrt()
    return (wide / rms * by).to(x.dtype)


@rms_norm.right("the library's, in float32")
def library(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    return torch.nn.functional.rms_norm(x.float(), x.shape[-1:], gain.float(), eps).to(x.dtype)


@rms_norm.right("by the length of the vector: x · √n / √(length² + n · eps)")
def by_length(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    n = x.shape[-1]
    length = torch.linalg.vector_norm(x.float(), dim=-1, keepdim=True)
    return (x.float() * (math.sqrt(n) * gain.float()) / (length.square() + n * eps).sqrt()).to(x.dtype)


@rms_norm.right("row by row, gain divided first")
def by_rows(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    out = torch.empty(x.shape, dtype=x.dtype)
    for row, into in zip(x.float().reshape(-1, x.shape[-1]), out.view(-1, x.shape[-1]), strict=True):
        into.copy_(row * (gain.float() / (row.pow(2).mean() + eps).sqrt()))
    return out


def _mean_square(x: Tensor) -> Tensor:
    return x.float().square().mean(-1, keepdim=True)


@rms_norm.wrong("the mean was subtracted first: that is layer norm; RMS norm only scales")
def centred(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    away = x.float() - x.float().mean(-1, keepdim=True)
    return (away / (_mean_square(away) + eps).sqrt() * gain.float()).to(x.dtype)


@rms_norm.wrong("the values were divided by the standard deviation: use the root of the mean of x²")
def by_deviation(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    variance = x.float().var(-1, correction=0, keepdim=True)
    return (x.float() / (variance + eps).sqrt() * gain.float()).to(x.dtype)


@rms_norm.wrong("the values were divided by the vector's length, √Σx²: use the mean of the squares, not their sum")
def by_norm(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    return (x.float() / (x.float().square().sum(-1, keepdim=True) + eps).sqrt() * gain.float()).to(x.dtype)


@rms_norm.wrong("the values were divided by the mean of the squares: the root is missing")
def no_root(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    return (x.float() / (_mean_square(x) + eps) * gain.float()).to(x.dtype)


@rms_norm.wrong("the values were divided by the mean of |x|: take squares, their mean, then the root")
def by_mean_size(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    return (x.float() / (x.float().abs().mean(-1, keepdim=True) + eps) * gain.float()).to(x.dtype)


@rms_norm.wrong("the mean runs over all squares in the tensor: each vector has its own")
def whole_tensor(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    return (x.float() / (x.float().square().mean() + eps).sqrt() * gain.float()).to(x.dtype)


@rms_norm.wrong("eps was added outside the root: add it to the mean of the squares")
def eps_outside(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    return (x.float() / (_mean_square(x).sqrt() + eps) * gain.float()).to(x.dtype)


@rms_norm.wrong("there is no eps: a vector of zeros gives 0/0, NaN")
def no_eps(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    return (x.float() / _mean_square(x).sqrt() * gain.float()).to(x.dtype)


@rms_norm.wrong("the gain was left out")
def no_gain(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    return (x.float() / (_mean_square(x) + eps).sqrt()).to(x.dtype)


@rms_norm.wrong("the values were multiplied by 1 + gain: only Gemma's checkpoints store the gain minus 1")
def one_plus_gain(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    return (x.float() / (_mean_square(x) + eps).sqrt() * (1 + gain.float())).to(x.dtype)


@rms_norm.wrong("x was squared before the upcast: in fp16 squares are inf from 256² on, and in bf16 they are rounded")
def squared_too_early(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    mean_square = (x * x).float().mean(-1, keepdim=True)
    return (x.float() / (mean_square + eps).sqrt() * gain.float()).to(x.dtype)


rms_norm.standard_wrongs(
    "low_precision_inside", formula=lambda x, gain, eps=1e-6: x / ((x * x).mean(-1, keepdim=True) + eps).sqrt() * gain
)


@rms_norm.wrong("the result was rounded before the gain and again after it: round once, at the end")
def rounded_twice(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    return (x.float() / (_mean_square(x) + eps).sqrt()).to(x.dtype) * gain


@rms_norm.wrong("the scale was rounded to the dtype of the input: keep everything in float32 until the end")
def scale_rounded(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    return x * torch.rsqrt(_mean_square(x) + eps).to(x.dtype) * gain


rms_norm.standard_wrongs("returns_fp32")


@rms_norm.wrong("the result has the promoted dtype of x and gain: a bf16 `x` with a float32 gain must give bf16")
def in_the_wider_dtype(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    normal = x.float() / (_mean_square(x) + eps).sqrt()
    return (normal * gain.float()).to(torch.promote_types(x.dtype, gain.dtype))


@rms_norm.wrong("the gain was rounded to the dtype of `x`: keep its float32 digits until the end")
def gain_rounded(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    return (x.float() / (_mean_square(x) + eps).sqrt() * gain.to(x.dtype).float()).to(x.dtype)


@rms_norm.wrong("eps is always 1e-6: that is only the default")
def fixed_eps(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    return (x.float() / (_mean_square(x) + 1e-6).sqrt() * gain.float()).to(x.dtype)


@rms_norm.wrong("the caller's x was changed: .float() of a float32 tensor makes no copy")
def in_place(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    wide = x.float()
    wide *= torch.rsqrt(_mean_square(wide) + eps)
    return (wide * gain.float()).to(x.dtype)


@rms_norm.wrong("the mean of the squares was computed in the input's low precision: upcast before you square")
def mean_square_in_low_precision(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    mean_square = x.square().mean(-1, keepdim=True).float()
    return (x.float() / (mean_square + eps).sqrt() * gain.float()).to(x.dtype)
