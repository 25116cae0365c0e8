"""Takes A row by row and B column by column: the sum of r adapters of rank one."""

import torch
from torch import Tensor

from reference import oracle, promoted

Pair = tuple[Tensor, Tensor]


@oracle
def lora_linear(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    if not x.shape[1] == w.shape[1] == a.shape[1] or (w.shape[0], a.shape[0]) != b.shape:
        raise ValueError("the shapes do not fit")
    dtype = x.dtype
    x, w, a, b = promoted(x, w, a, b)
    detour = torch.zeros(x.shape[0], w.shape[0], dtype=x.dtype)
    for k in range(a.shape[0]):
        detour = detour + (x * a[k]).sum(1, keepdim=True) * b[:, k]
    return ((x.unsqueeze(1) * w).sum(-1) + detour * (alpha / a.shape[0])).to(dtype)


@lora_linear.right("merged into one weight first, as for serving")
def merged(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return (x.float() @ (w.float() + (alpha / a.shape[0]) * (b.float() @ a.float())).T).to(x.dtype)


@lora_linear.right("by addmm")
def by_addmm(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    base = torch.nn.functional.linear(x.float(), w.float())
    low = torch.nn.functional.linear(x.float(), a.float())
    return torch.addmm(base, low, b.float().T, alpha=alpha / a.shape[0]).to(x.dtype)


def _scaled(x: Tensor, w: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    return (x.float() @ w.float().T + scale * (x.float() @ a.float().T @ b.float().T)).to(x.dtype)


@lora_linear.wrong("the scale is r/alpha: it must be alpha/r")
def scale_inverted(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return _scaled(x, w, a, b, a.shape[0] / alpha)


@lora_linear.wrong("the scale is alpha, not divided by r: it must be alpha/r")
def scale_alpha(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return _scaled(x, w, a, b, alpha)


@lora_linear.wrong("B A x was not scaled: multiply it by alpha/r")
def not_scaled(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return _scaled(x, w, a, b, 1.0)


@lora_linear.wrong("the scale is alpha/√r: that is rsLoRA; plain LoRA divides by r")
def root_of_r(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return _scaled(x, w, a, b, alpha / a.shape[0] ** 0.5)


@lora_linear.wrong("alpha was divided by the width of the input: r is the number of rows of a")
def by_width(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return _scaled(x, w, a, b, alpha / a.shape[1])


@lora_linear.wrong("the frozen weight was left out: LoRA adds to it")
def only_the_detour(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return _scaled(x, torch.zeros_like(w), a, b, alpha / a.shape[0])


@lora_linear.wrong("B A x was left out")
def only_the_base(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return _scaled(x, w, a, b, 0.0)


@lora_linear.wrong("both parts were scaled: alpha/r belongs to B A x only")
def both_scaled(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return (alpha / a.shape[0] * _scaled(x.float(), w, a, b, 1.0)).to(x.dtype)


lora_linear.standard_wrongs(
    "low_precision_inside", formula=lambda x, w, a, b, alpha: x @ w.T + alpha / a.shape[0] * (x @ a.T @ b.T)
)


@lora_linear.wrong("both parts were rounded before the sum: round once, after it")
def rounded_before_the_sum(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return _scaled(x, w, a, b, 0.0) + _scaled(x, torch.zeros_like(w), a, b, alpha / a.shape[0])


lora_linear.standard_wrongs("returns_fp32", formula=by_addmm)


@lora_linear.wrong("the result has the dtype of the weights: it must have the dtype of `x`")
def in_the_dtype_of_the_weights(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return _scaled(x.float(), w, a, b, alpha / a.shape[0]).to(w.dtype)


@lora_linear.wrong("A x was rounded before the product with B: round once, at the end")
def rounded_between(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    low = (x.float() @ a.float().T).to(x.dtype).float()
    return (x.float() @ w.float().T + alpha / a.shape[0] * (low @ b.float().T)).to(x.dtype)


@lora_linear.wrong("the scale is alpha // r, which drops the fraction: it must be alpha / r")
def whole_scale(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return _scaled(x, w, a, b, alpha // a.shape[0])


@oracle
def lora_gradients(x: Tensor, a: Tensor, b: Tensor, alpha: float, dy: Tensor) -> Pair:
    scale, dtype = alpha / a.shape[0], x.dtype
    x, a, b, dy = promoted(x, a, b, dy)
    through_b = (dy.unsqueeze(2) * b).sum(1)
    through_a = (x.unsqueeze(1) * a).sum(2)
    by_a = (through_b.unsqueeze(2) * x.unsqueeze(1)).sum(0) * scale
    by_b = (dy.unsqueeze(2) * through_a.unsqueeze(1)).sum(0) * scale
    return by_a.to(dtype), by_b.to(dtype)


@lora_gradients.right("by autograd")
def by_autograd(x: Tensor, a: Tensor, b: Tensor, alpha: float, dy: Tensor) -> Pair:
    low, high = a.detach().float().requires_grad_(), b.detach().float().requires_grad_()
    y = alpha / a.shape[0] * (x.float() @ low.T @ high.T)
    by_a, by_b = torch.autograd.grad(y, (low, high), dy.float())
    return by_a.to(x.dtype), by_b.to(x.dtype)


def _gradients(x: Tensor, a: Tensor, b: Tensor, dy: Tensor, scale: float) -> Pair:
    by_a = scale * (dy.float() @ b.float()).T @ x.float()
    return by_a.to(x.dtype), (scale * dy.float().T @ (x.float() @ a.float().T)).to(x.dtype)


@lora_gradients.wrong("alpha/r was left out of the gradients")
def gradients_not_scaled(x: Tensor, a: Tensor, b: Tensor, alpha: float, dy: Tensor) -> Pair:
    return _gradients(x, a, b, dy, 1.0)


@lora_gradients.wrong("alpha/r was applied twice")
def gradients_scaled_twice(x: Tensor, a: Tensor, b: Tensor, alpha: float, dy: Tensor) -> Pair:
    return _gradients(x, a, b, dy, (alpha / a.shape[0]) ** 2)


@lora_gradients.wrong("the mean over the tokens was taken: add up the tokens' gradients")
def mean_over_tokens(x: Tensor, a: Tensor, b: Tensor, alpha: float, dy: Tensor) -> Pair:
    return _gradients(x, a, b, dy, alpha / a.shape[0] / x.shape[0])


@lora_gradients.wrong("both gradients are 0 if b is 0: only the gradient of a is 0, and b has dyᵀ (A x)")
def nothing_moves(x: Tensor, a: Tensor, b: Tensor, alpha: float, dy: Tensor) -> Pair:
    by_a, by_b = _gradients(x, a, b, dy, alpha / a.shape[0])
    return by_a, by_b if b.any() else torch.zeros_like(by_b)


@lora_gradients.wrong("the gradients are in the wrong order: first a, then b")
def b_first(x: Tensor, a: Tensor, b: Tensor, alpha: float, dy: Tensor) -> Pair:
    by_a, by_b = _gradients(x, a, b, dy, alpha / a.shape[0])
    return by_b, by_a


@lora_gradients.wrong("the gradients are transposed: a gradient has the shape of its weight")
def transposed(x: Tensor, a: Tensor, b: Tensor, alpha: float, dy: Tensor) -> Pair:
    by_a, by_b = _gradients(x, a, b, dy, alpha / a.shape[0])
    return by_a.T, by_b.T


@lora_gradients.wrong("the gradients were computed in the input's low precision: add up the tokens in float32")
def gradients_in_low_precision(x: Tensor, a: Tensor, b: Tensor, alpha: float, dy: Tensor) -> Pair:
    dy = alpha / a.shape[0] * dy
    return (dy @ b).T @ x, dy.T @ (x @ a.T)


@lora_gradients.wrong("alpha/r was left out of the gradient of b: both gradients have it")
def b_not_scaled(x: Tensor, a: Tensor, b: Tensor, alpha: float, dy: Tensor) -> Pair:
    return _gradients(x, a, b, dy, alpha / a.shape[0])[0], _gradients(x, a, b, dy, 1.0)[1]


@lora_gradients.wrong("alpha/r was left out of the gradient of a: both gradients have it")
def a_not_scaled(x: Tensor, a: Tensor, b: Tensor, alpha: float, dy: Tensor) -> Pair:
    return _gradients(x, a, b, dy, 1.0)[0], _gradients(x, a, b, dy, alpha / a.shape[0])[1]


@lora_gradients.wrong("the gradients are float32: they must have the dtype of `x`")
def gradients_in_float32(x: Tensor, a: Tensor, b: Tensor, alpha: float, dy: Tensor) -> Pair:
    return _gradients(x.float(), a, b, dy, alpha / a.shape[0])


@lora_gradients.wrong("each gradient has the dtype of its own weight: both must have the dtype of `x`")
def gradients_in_the_dtype_of_the_weights(x: Tensor, a: Tensor, b: Tensor, alpha: float, dy: Tensor) -> Pair:
    by_a, by_b = _gradients(x.float(), a, b, dy, alpha / a.shape[0])
    return by_a.to(a.dtype), by_b.to(b.dtype)


@lora_linear.wrong("B A was added to the caller's weight: .float() of a float32 tensor makes no copy")
def merged_in_place(x: Tensor, w: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    wide = w.float()
    wide += alpha / a.shape[0] * (b.float() @ a.float())
    return (x.float() @ wide.T).to(x.dtype)
