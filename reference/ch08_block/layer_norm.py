import torch
from torch import Tensor

from reference import LOW_PRECISION, oracle, promoted


@oracle
def layer_norm(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    if gain.shape != x.shape[-1:] or bias.shape != gain.shape:
        raise ValueError("gain and bias need one number for each channel")
    n, dtype = x.shape[-1], x.dtype
    x, gain, bias = promoted(x, gain, bias)
    away = x - (x.sum(-1) / n).unsqueeze(-1)
    deviation = ((away * away).sum(-1) / n + eps).sqrt().unsqueeze(-1)
    return (away / deviation * gain + bias).to(dtype)


@layer_norm.right("the library's, in float32")
def library(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return torch.nn.functional.layer_norm(x.float(), x.shape[-1:], gain.float(), bias.float(), eps).to(x.dtype)


@layer_norm.right("mean and variance by var_mean")
def by_var_mean(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    variance, mean = torch.var_mean(x.float(), -1, correction=0, keepdim=True)
    return torch.addcmul(bias.float(), (x.float() - mean) / (variance + eps).sqrt(), gain.float()).to(x.dtype)


@layer_norm.right("gain divided by the deviation first, row by row")
def by_rows(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    out = torch.empty(x.shape, dtype=x.dtype)
    for row, into in zip(x.float().reshape(-1, x.shape[-1]), out.view(-1, x.shape[-1]), strict=True):
        away = row - row.mean()
        into.copy_(away * (gain.float() / (away.square().mean() + eps).sqrt()) + bias.float())
    return out


def _parts(x: Tensor) -> tuple[Tensor, Tensor]:
    away = x.float() - x.float().mean(-1, keepdim=True)
    return away, away.square().mean(-1, keepdim=True)


def _end(normal: Tensor, gain: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    return (normal * gain.float() + bias.float()).to(x.dtype)


@layer_norm.wrong("the variance was divided by n − 1, torch.var's default: layer norm divides by n")
def unbiased(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    variance, mean = torch.var_mean(x.float(), -1, keepdim=True)
    return _end((x.float() - mean) / (variance + eps).sqrt(), gain, bias, x)


@layer_norm.wrong("eps was added outside the root: add it to the variance")
def eps_outside(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    away, variance = _parts(x)
    return _end(away / (variance.sqrt() + eps), gain, bias, x)


@layer_norm.wrong("there is no eps: a vector of equal numbers has variance 0, and 0/0 is NaN")
def no_eps(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    away, variance = _parts(x)
    return _end(away / variance.sqrt(), gain, bias, x)


@layer_norm.wrong("eps was squared under the root: add eps itself to the variance")
def eps_squared(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    away, variance = _parts(x)
    return _end(away / (variance + eps**2).sqrt(), gain, bias, x)


@layer_norm.wrong("the values were divided by the variance: the root is missing")
def by_variance(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    away, variance = _parts(x)
    return _end(away / (variance + eps), gain, bias, x)


@layer_norm.wrong("the mean of the squares was used as the variance: subtract the mean first")
def by_mean_square(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    away, _ = _parts(x)
    return _end(away / (x.float().square().mean(-1, keepdim=True) + eps).sqrt(), gain, bias, x)


@layer_norm.wrong("the values were scaled but not centered: subtract the mean in the numerator too")
def not_centred(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    _, variance = _parts(x)
    return _end(x.float() / (variance + eps).sqrt(), gain, bias, x)


@layer_norm.wrong("mean and variance are taken over the whole tensor: each vector has its own mean and variance")
def whole_tensor(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    away = x.float() - x.float().mean()
    return _end(away / (away.square().mean() + eps).sqrt(), gain, bias, x)


@layer_norm.wrong("mean and variance run along the first axis: that is batch norm; normalize each token by itself")
def over_the_batch(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    away = x.float() - x.float().mean(0, keepdim=True)
    return _end(away / (away.square().mean(0, keepdim=True) + eps).sqrt(), gain, bias, x)


@layer_norm.wrong("the variance is mean(x²) − mean(x)²: far from zero the two nearly cancel in float32")
def one_pass(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    wide = x.float()
    mean = wide.mean(-1, keepdim=True)
    variance = (wide.square().mean(-1, keepdim=True) - mean.square()).clamp(min=0)
    return _end((wide - mean) / (variance + eps).sqrt(), gain, bias, x)


@layer_norm.wrong("the gain was left out")
def no_gain(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return layer_norm.fn(x.float(), torch.ones_like(gain.float()), bias.float(), eps).to(x.dtype)


@layer_norm.wrong("the bias was left out")
def no_bias(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return layer_norm.fn(x.float(), gain.float(), torch.zeros_like(bias.float()), eps).to(x.dtype)


@layer_norm.wrong("the bias was added before the gain, so the gain scales it too")
def bias_before_gain(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    away, variance = _parts(x)
    return ((away / (variance + eps).sqrt() + bias.float()) * gain.float()).to(x.dtype)


@layer_norm.wrong(LOW_PRECISION)
def low_precision_inside(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    away = x - x.mean(-1, keepdim=True)
    return away / ((away * away).mean(-1, keepdim=True) + eps).sqrt() * gain + bias


@layer_norm.wrong("the result was rounded before gain and bias, and again after them: round once, at the end")
def rounded_twice(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    away, variance = _parts(x)
    return (away / (variance + eps).sqrt()).to(x.dtype) * gain + bias


layer_norm.standard_wrongs("returns_fp32")


@layer_norm.wrong("the result was rounded to the dtype of `x` before gain and bias: round once, at the end")
def rounded_before_the_gain(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    away, variance = _parts(x)
    return _end((away / (variance + eps).sqrt()).to(x.dtype).float(), gain, bias, x)


@layer_norm.wrong("gain and bias were rounded to the dtype of `x`: keep their float32 digits until the end")
def gain_rounded(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    away, variance = _parts(x)
    return _end(away / (variance + eps).sqrt(), gain.to(x.dtype), bias.to(x.dtype), x)


@layer_norm.wrong(
    "the result has the promoted dtype of x, gain and bias: a bf16 `x` with a float32 gain must give bf16"
)
def in_the_wider_dtype(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    away, variance = _parts(x)
    normal = away / (variance + eps).sqrt() * gain.float() + bias.float()
    return normal.to(torch.promote_types(x.dtype, torch.promote_types(gain.dtype, bias.dtype)))


@layer_norm.wrong("eps is always 1e-5: that is only the default")
def fixed_eps(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    away, variance = _parts(x)
    return _end(away / (variance + 1e-5).sqrt(), gain, bias, x)


@layer_norm.wrong("the caller's x was changed: .float() of a float32 tensor makes no copy")
def in_place(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    wide = x.float()
    wide -= wide.mean(-1, keepdim=True)
    return _end(wide / (wide.square().mean(-1, keepdim=True) + eps).sqrt(), gain, bias, x)
