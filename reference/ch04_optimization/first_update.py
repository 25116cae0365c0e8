"""Adam's formulas at t = 1, from moments that are zero, with and without the corrections."""

import torch
from torch import Tensor

from reference import oracle

Betas = tuple[float, float]

Sizes = dict[str, Tensor]


def _sizes(corrected: Tensor, uncorrected: Tensor, dtype: torch.dtype) -> Sizes:
    return {"corrected": corrected.abs().to(dtype), "uncorrected": uncorrected.abs().to(dtype)}


@oracle
def first_update(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    m, v = (1 - betas[0]) * g, (1 - betas[1]) * g * g
    rate = lr / warmup if warmup else lr
    mean, square = m / (1 - betas[0]), v / (1 - betas[1])
    return _sizes(rate * mean / (square.sqrt() + eps), rate * m / (v.sqrt() + eps), g.dtype)


def _from(g: Tensor, rate: float, mean: float, root: float, plain_mean: float, plain_root: float, eps: float) -> Sizes:
    """Both sizes from the factors of |g| in the numerators and the denominators."""
    size = g.float().abs()
    return _sizes(
        rate * mean * size / (root * size + eps), rate * plain_mean * size / (plain_root * size + eps), g.dtype
    )


@first_update.right("by torch's own optimizer, then rescaled")
def library(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    rate = lr / warmup if warmup else lr
    parameter = torch.zeros_like(g, dtype=torch.float32).requires_grad_()
    parameter.grad = g.float()
    optimizer = torch.optim.Adam([parameter], lr=rate, betas=betas, eps=eps, foreach=False)
    optimizer.step()
    state = optimizer.state[parameter]
    plain = rate * state["exp_avg"] / (state["exp_avg_sq"].sqrt() + eps)
    return _sizes(parameter.detach(), plain, g.dtype)


@first_update.right("with the gradient divided out")
def divided_out(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    size = g.float().abs()
    share = eps / size  # inf where the gradient is 0
    rate = lr / max(warmup, 1)
    plain = (1 - betas[0]) / ((1 - betas[1]) ** 0.5 + share)
    return _sizes(rate / (1 + share), rate * plain, g.dtype)


@first_update.wrong("the step grows with the gradient: that is plain SGD; Adam divides by the root of v")
def grows(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    size = lr / max(warmup, 1) * g.float()
    return _sizes(size, (1 - betas[0]) * size, g.dtype)


@first_update.wrong("the two results are swapped: the corrected step is lr for every gradient well above eps")
def swapped(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    right = divided_out(g, lr, betas, eps, warmup)
    return {"corrected": right["uncorrected"], "uncorrected": right["corrected"]}


@first_update.wrong("both results are the same: without correction, m and √v are too small by different factors")
def alike(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    right = divided_out(g, lr, betas, eps, warmup)
    return {"corrected": right["corrected"], "uncorrected": right["corrected"].clone()}


@first_update.wrong("only m was left uncorrected: v starts at zero too, and its root makes the step long")
def only_m_plain(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    return _from(g, lr / max(warmup, 1), 1, 1, 1 - betas[0], 1, eps)


@first_update.wrong("only v was left uncorrected: m starts at zero too and is only 1 − β₁ of the gradient")
def only_v_plain(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    return _from(g, lr / max(warmup, 1), 1, 1, 1, (1 - betas[1]) ** 0.5, eps)


@first_update.wrong("the root of 1 − β₂ was left out: v is (1 − β₂)·g², and the step divides by the root of v")
def no_root(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    return _from(g, lr / max(warmup, 1), 1, 1, 1 - betas[0], 1 - betas[1], eps)


@first_update.wrong("β was used in place of 1 − β: β is the weight of the old moments, and they are zero")
def beta_for_rest(
    g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0
) -> Sizes:
    return _from(g, lr / max(warmup, 1), 1, 1, betas[0], betas[1] ** 0.5, eps)


@first_update.wrong("the factor was 3.162 for all betas: it is (1 − β₁) / √(1 − β₂), which is 0.447 for (0.9, 0.95)")
def default_betas(
    g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0
) -> Sizes:
    return divided_out(g, lr, (0.9, 0.999), eps, warmup)


@first_update.wrong("one result was a fixed multiple of the other: √v is smaller than √v̂, so eps matters more there")
def multiple(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    factor = (1 - betas[0]) / (1 - betas[1]) ** 0.5
    return _from(g, lr / max(warmup, 1), 1, 1, factor, 1, eps)


@first_update.wrong("eps is missing: for gradients as small as eps the step is shorter, and for 0 it is 0, not 0 / 0")
def no_eps(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    return _from(g, lr / max(warmup, 1), 1, 1, 1 - betas[0], (1 - betas[1]) ** 0.5, 0.0)


@first_update.wrong("the step was lr for every gradient, even for 0: for gradients as small as eps it is shorter")
def always_lr(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    one = torch.ones_like(g, dtype=torch.float32)
    rate = lr / max(warmup, 1)
    return _sizes(rate * one, rate * (1 - betas[0]) / (1 - betas[1]) ** 0.5 * one, g.dtype)


@first_update.wrong("eps is under the root: there 1e-8 acts like 1e-4")
def eps_inside(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    size, rate = g.float().abs(), lr / max(warmup, 1)
    plain = rate * (1 - betas[0]) * size / ((1 - betas[1]) * size * size + eps).sqrt()
    return _sizes(rate * size / (size * size + eps).sqrt(), plain, g.dtype)


@first_update.wrong(
    "eps was added before the correction: with the default betas its effect is then 32 times as large; add it to √v̂"
)
def eps_before_the_correction(
    g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0
) -> Sizes:
    root = (1 - betas[1]) ** 0.5
    corrected = divided_out(g.float(), lr, betas, eps / root, warmup)["corrected"]
    return {"corrected": corrected.to(g.dtype), "uncorrected": divided_out(g, lr, betas, eps, warmup)["uncorrected"]}


@first_update.wrong("eps was used as a lower bound: add it to √v̂, so that it also acts above that bound")
def eps_as_a_floor(
    g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0
) -> Sizes:
    size, rate = g.float().abs(), lr / max(warmup, 1)
    root = (1 - betas[1]) ** 0.5 * size
    plain = rate * (1 - betas[0]) * size / root.clamp(min=eps)
    return _sizes(rate * size / size.clamp(min=eps), plain, g.dtype)


@first_update.wrong("β₁ and β₂ are swapped: β₁ is for the mean of g, β₂ for the mean of g²")
def swapped_betas(
    g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0
) -> Sizes:
    return divided_out(g, lr, (betas[1], betas[0]), eps, warmup)


@first_update.wrong("the step was divided by v, not by its root: then steps shrink as gradients grow")
def by_the_square(
    g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0
) -> Sizes:
    size, rate = g.float().abs(), lr / max(warmup, 1)
    plain = rate * (1 - betas[0]) * size / ((1 - betas[1]) * size * size + eps)
    return _sizes(rate * size / (size * size + eps), plain, g.dtype)


@first_update.wrong("an eps of 1e-8 was always used: use the given eps")
def fixed_eps(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    return divided_out(g, lr, betas, 1e-8, warmup)


@first_update.wrong("the step was lr for every gradient except 0: for gradients as small as eps it is shorter")
def lr_unless_zero(
    g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0
) -> Sizes:
    rate, some = lr / max(warmup, 1), (g != 0).float()
    return _sizes(rate * some, rate * (1 - betas[0]) / (1 - betas[1]) ** 0.5 * some, g.dtype)


@first_update.wrong("the result was rounded before the product with lr: compute in float32 and round once, at the end")
def rounded_before_lr(
    g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0
) -> Sizes:
    return {name: size * (lr / max(warmup, 1)) for name, size in divided_out(g, 1.0, betas, eps, 0).items()}


@first_update.wrong("the gradient was squared before the upcast: in fp16, 300² is inf and 1e-4² is 0")
def squared_narrow(
    g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0
) -> Sizes:
    size, square, rate = g.float().abs(), (g * g).float(), lr / max(warmup, 1)
    plain = rate * (1 - betas[0]) * size / (((1 - betas[1]) * square).sqrt() + eps)
    return _sizes(rate * size / (square.sqrt() + eps), plain, g.dtype)


@first_update.wrong("the results are negative: that is the update with its sign; return its size")
def negated(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    return {name: -size for name, size in divided_out(g, lr, betas, eps, warmup).items()}


@first_update.wrong("the results are the updates with their sign, against the gradient: a size is never negative")
def signed_update(
    g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0
) -> Sizes:
    return {name: -size * g.sign() for name, size in divided_out(g, lr, betas, eps, warmup).items()}


@first_update.wrong("the results keep the sign of the gradient: a size is never negative")
def signed(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    return {name: size * g.sign() for name, size in divided_out(g, lr, betas, eps, warmup).items()}


@first_update.wrong("warmup was ignored: the first step of a ramp of n steps has the learning rate lr / n")
def no_warmup(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    return divided_out(g, lr, betas, eps, 0)


@first_update.wrong("the ramp started at 0: here its first stage is lr / warmup")
def ramp_from_zero(
    g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0
) -> Sizes:
    return divided_out(g, 0.0 if warmup else lr, betas, eps, 0)


@first_update.wrong("the first stage was lr / (warmup + 1): a ramp of n steps has n stages, and the first is lr / n")
def ramp_too_long(
    g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0
) -> Sizes:
    return divided_out(g, lr, betas, eps, warmup + 1 if warmup else 0)


@first_update.wrong("the code divided by a warmup of 0: without warmup the first step has lr itself")
def needs_warmup(g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0) -> Sizes:
    return divided_out(g, lr / warmup, betas, eps, 0)


@first_update.wrong("warmup was applied to one of the two results: both steps are on the ramp")
def warmup_for_one(
    g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0
) -> Sizes:
    plain = divided_out(g, lr, betas, eps, 0)["uncorrected"]
    return {"corrected": divided_out(g, lr, betas, eps, warmup)["corrected"], "uncorrected": plain}


@first_update.wrong("the formula was computed in the low precision of the input: in fp16, 300² is inf and 1e-8 is 0")
def low_precision_inside(
    g: Tensor, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, warmup: int = 0
) -> Sizes:
    m, v = (1 - betas[0]) * g, (1 - betas[1]) * g * g
    rate = lr / max(warmup, 1)
    mean, square = m / (1 - betas[0]), v / (1 - betas[1])
    return _sizes(rate * mean / (square.sqrt() + eps), rate * m / (v.sqrt() + eps), g.dtype)


first_update.standard_wrongs("returns_fp32", of="the gradient", formula=divided_out)
