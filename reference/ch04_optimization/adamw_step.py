"""Adds decay · p to Adam's ratio of moments, and multiplies the sum by the learning rate."""

from collections.abc import Callable
from functools import wraps
from typing import NamedTuple

import torch
from torch import Tensor

from reference import LOW_PRECISION, oracle

Betas = tuple[float, float]
Three = tuple[Tensor, Tensor, Tensor]


@oracle
def adamw_step(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    decay: float = 0.01,
) -> Three:
    if t < 1:
        raise ValueError("t starts at 1")
    first = m + (1 - betas[0]) * (g - m)
    second = v + (1 - betas[1]) * (g * g - v)
    ratio = first / (1 - betas[0] ** t) / (torch.sqrt(second / (1 - betas[1] ** t)) + eps)
    return (p - lr * (ratio + decay * p)).to(p.dtype), first.to(m.dtype), second.to(v.dtype)


class Step(NamedTuple):
    """The inputs of a step, in float32."""

    p: Tensor
    g: Tensor
    m: Tensor
    v: Tensor
    t: int
    lr: float
    betas: Betas
    eps: float

    def moments(self) -> tuple[Tensor, Tensor]:
        b1, b2 = self.betas
        return b1 * self.m + (1 - b1) * self.g, b2 * self.v + (1 - b2) * self.g * self.g

    def corrections(self, t: int | None = None) -> tuple[float, float]:
        t = self.t if t is None else t
        return 1 - self.betas[0] ** t, 1 - self.betas[1] ** t


def _in_float32(formula: Callable[[Step, float], Three]) -> Callable[..., Three]:
    """`formula` of a step and the decay as an answer: t checked, inputs in float32, results in the right dtypes."""

    @wraps(formula)
    def answer(
        p: Tensor,
        g: Tensor,
        m: Tensor,
        v: Tensor,
        t: int,
        lr: float = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        decay: float = 0.01,
    ) -> Three:
        if t < 1:
            raise ValueError("t starts at 1")
        moved, first, second = formula(Step(p.float(), g.float(), m.float(), v.float(), t, lr, betas, eps), decay)
        return moved.to(p.dtype), first.to(m.dtype), second.to(v.dtype)

    return answer


def _ratio(s: Step) -> Tensor:
    """Adam's step over lr."""
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return (m / c1) / ((v / c2).sqrt() + s.eps)


@adamw_step.right("with torch's own optimizer, on float32 copies")
@_in_float32
def library(s: Step, decay: float) -> Three:
    parameter = s.p.clone().requires_grad_()
    parameter.grad = s.g.clone()
    optimizer = torch.optim.AdamW([parameter], lr=s.lr, betas=s.betas, eps=s.eps, weight_decay=decay, foreach=False)
    state = {"step": torch.tensor(float(s.t - 1)), "exp_avg": s.m.clone(), "exp_avg_sq": s.v.clone()}
    optimizer.state[parameter].update(state)
    optimizer.step()
    state = optimizer.state[parameter]
    return parameter.detach(), state["exp_avg"], state["exp_avg_sq"]


@adamw_step.right("the decay before Adam's step, as a separate product")
@_in_float32
def decay_first(s: Step, decay: float) -> Three:
    return s.p - s.lr * decay * s.p - s.lr * _ratio(s), *s.moments()


@adamw_step.right("the decay after Adam's step, from a copy of the old parameters")
@_in_float32
def decay_last_of_the_old(s: Step, decay: float) -> Three:
    return (s.p - s.lr * _ratio(s)) - (s.lr * decay) * s.p, *s.moments()


@adamw_step.wrong("decay · p was added to the gradient: this is L2, and Adam divides it by the size of past gradients")
@_in_float32
def l2_in_the_gradient(s: Step, decay: float) -> Three:
    s = s._replace(g=s.g + decay * s.p)
    return s.p - s.lr * _ratio(s), *s.moments()


@adamw_step.wrong("the decay was not multiplied by lr: PyTorch subtracts the fraction lr · decay of each weight")
@_in_float32
def decay_without_lr(s: Step, decay: float) -> Three:
    return s.p * (1 - decay) - s.lr * _ratio(s), *s.moments()


@adamw_step.wrong("lr was applied to the decay twice: the fraction is lr · decay")
@_in_float32
def lr_squared(s: Step, decay: float) -> Three:
    return s.p - s.lr * (_ratio(s) + s.lr * decay * s.p), *s.moments()


@adamw_step.wrong("the decay came after the step and shrank Adam's step too: only the old parameters decay")
@_in_float32
def decay_after(s: Step, decay: float) -> Three:
    return (s.p - s.lr * _ratio(s)) * (1 - s.lr * decay), *s.moments()


@adamw_step.wrong("the decay was added: subtract it, or the weights grow")
@_in_float32
def grows(s: Step, decay: float) -> Three:
    return s.p * (1 + s.lr * decay) - s.lr * _ratio(s), *s.moments()


@adamw_step.wrong("there is no decay: this is Adam")
@_in_float32
def plain_adam(s: Step, decay: float) -> Three:
    return s.p - s.lr * _ratio(s), *s.moments()


@adamw_step.wrong("the decay was divided by √v̂ too: it is separate from Adam's ratio and depends only on lr")
@_in_float32
def decay_in_the_ratio(s: Step, decay: float) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.p - s.lr * (m / c1 + decay * s.p) / ((v / c2).sqrt() + s.eps), m, v


@adamw_step.wrong("vectors did not decay, as in training recipes that exclude biases: here every parameter decays")
@_in_float32
def spares_vectors(s: Step, decay: float) -> Three:
    rate = s.lr * decay if s.p.dim() > 1 else 0.0
    return s.p * (1 - rate) - s.lr * _ratio(s), *s.moments()


@adamw_step.wrong("parameters with gradient 0 did not decay: every parameter decays at every step")
@_in_float32
def spares_the_idle(s: Step, decay: float) -> Three:
    pull = torch.where(s.g == 0, 0.0, s.lr * decay)
    return s.p - pull * s.p - s.lr * _ratio(s), *s.moments()


@adamw_step.wrong("the betas 0.9 and 0.999 were always used: use the given betas")
@_in_float32
def fixed_betas(s: Step, decay: float) -> Three:
    s = s._replace(betas=(0.9, 0.999))
    return s.p * (1 - s.lr * decay) - s.lr * _ratio(s), *s.moments()


@adamw_step.wrong("an eps of 1e-8 was always used: use the given eps")
@_in_float32
def fixed_eps(s: Step, decay: float) -> Three:
    s = s._replace(eps=1e-8)
    return s.p * (1 - s.lr * decay) - s.lr * _ratio(s), *s.moments()


@adamw_step.wrong("a decay of 0.01 was always used: use the given decay")
@_in_float32
def fixed_decay(s: Step, decay: float) -> Three:
    return s.p * (1 - s.lr * 0.01) - s.lr * _ratio(s), *s.moments()


@adamw_step.wrong("a fixed amount, lr · decay, was subtracted from each weight: subtract this fraction of the weight")
@_in_float32
def fixed_amount(s: Step, decay: float) -> Three:
    return s.p - s.lr * decay * s.p.sign() - s.lr * _ratio(s), *s.moments()


@adamw_step.wrong(
    "the decay was doubled: 2 · decay · p is the gradient of decay · p², but the contract has no factor 2"
)
@_in_float32
def doubled(s: Step, decay: float) -> Three:
    return s.p * (1 - 2 * s.lr * decay) - s.lr * _ratio(s), *s.moments()


@adamw_step.wrong("no bias correction: both moments start at zero")
@_in_float32
def no_correction(s: Step, decay: float) -> Three:
    m, v = s.moments()
    return s.p * (1 - s.lr * decay) - s.lr * m / (v.sqrt() + s.eps), m, v


@adamw_step.wrong("eps is under the root: there 1e-8 acts like 1e-4, which is larger than many gradients")
@_in_float32
def eps_inside(s: Step, decay: float) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.p * (1 - s.lr * decay) - s.lr * (m / c1) / (v / c2 + s.eps).sqrt(), m, v


@adamw_step.wrong("eps was added before the correction: at t = 1 its effect is then 32 times as large; add it to √v̂")
@_in_float32
def eps_before_the_correction(s: Step, decay: float) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.p * (1 - s.lr * decay) - s.lr * c2**0.5 / c1 * m / (v.sqrt() + s.eps), m, v


@adamw_step.wrong("eps is missing: if all gradients were zero, the result is 0 / 0")
@_in_float32
def no_eps(s: Step, decay: float) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.p * (1 - s.lr * decay) - s.lr * (m / c1) / (v / c2).sqrt(), m, v


@adamw_step.wrong("eps was used as a lower bound: add it to √v̂, so that it also acts above that bound")
@_in_float32
def eps_as_a_floor(s: Step, decay: float) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.p * (1 - s.lr * decay) - s.lr * (m / c1) / (v / c2).sqrt().clamp(min=s.eps), m, v


@adamw_step.wrong(
    "β₁ and β₂ are swapped: by default the mean of g covers about ten steps, the mean of g² about a thousand"
)
@_in_float32
def swapped_betas(s: Step, decay: float) -> Three:
    s = s._replace(betas=(s.betas[1], s.betas[0]))
    return s.p * (1 - s.lr * decay) - s.lr * _ratio(s), *s.moments()


@adamw_step.wrong("the parameters used the old moments: update the moments first, then the parameters")
@_in_float32
def old_moments(s: Step, decay: float) -> Three:
    c1, c2 = s.corrections()
    ratio = (s.m / c1) / ((s.v / c2).sqrt() + s.eps)
    return s.p * (1 - s.lr * decay) - s.lr * ratio, *s.moments()


@adamw_step.wrong("Adam's step was added: subtract it, or the loss rises")
@_in_float32
def climbs(s: Step, decay: float) -> Three:
    return s.p * (1 - s.lr * decay) + s.lr * _ratio(s), *s.moments()


@adamw_step.wrong("t was counted from 0, so the correction used t + 1: the first step already has t = 1")
@_in_float32
def one_step_ahead(s: Step, decay: float) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections(s.t + 1)
    return s.p * (1 - s.lr * decay) - s.lr * (m / c1) / ((v / c2).sqrt() + s.eps), m, v


@adamw_step.wrong("the corrected moments were returned: the next step would correct them a second time")
@_in_float32
def corrected_state(s: Step, decay: float) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.p * (1 - s.lr * decay) - s.lr * _ratio(s), m / c1, v / c2


@adamw_step.wrong("only negative t was refused, so t = 0 was accepted: 1 − β⁰ is 0, so the step is NaN")
def zero_t(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    decay: float = 0.01,
) -> Three:
    if t < 0:
        raise ValueError("t starts at 1")
    return any_t(p, g, m, v, t, lr, betas, eps, decay)


@adamw_step.wrong("t was not checked: at t = 0, 1 − β⁰ is 0 and the step is NaN")
def any_t(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    decay: float = 0.01,
) -> Three:
    s = Step(p.float(), g.float(), m.float(), v.float(), t, lr, betas, eps)
    first, second = s.moments()
    moved = s.p * (1 - lr * decay) - lr * _ratio(s)
    return moved.to(p.dtype), first.to(m.dtype), second.to(v.dtype)


@adamw_step.wrong(LOW_PRECISION)
def low_precision_inside(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    decay: float = 0.01,
) -> Three:
    if t < 1:
        raise ValueError("t starts at 1")
    s = Step(p, g, m, v, t, lr, betas, eps)
    first, second = s.moments()
    return (p * (1 - lr * decay) - lr * _ratio(s)).to(p.dtype), first, second


@adamw_step.wrong("the moments were rounded before the parameters used them: use them in float32")
def rounded_between(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    decay: float = 0.01,
) -> Three:
    if t < 1:
        raise ValueError("t starts at 1")
    s = Step(p.float(), g.float(), m.float(), v.float(), t, lr, betas, eps)
    first, second = s.moments()
    first, second = first.to(m.dtype), second.to(v.dtype)
    c1, c2 = s.corrections()
    ratio = (first.float() / c1) / ((second.float() / c2).sqrt() + eps)
    return (s.p * (1 - lr * decay) - lr * ratio).to(p.dtype), first, second


@adamw_step.wrong(
    "the decayed parameters were rounded before Adam's step: in bf16, 1 − lr · decay is 1, so nothing decays"
)
def decay_rounded_first(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    decay: float = 0.01,
) -> Three:
    return plain_adam((p.float() * (1 - lr * decay)).to(p.dtype), g, m, v, t, lr, betas, eps)


adamw_step.standard_wrongs(
    "returns_fp32",
    says="returned in float32: each result keeps the dtype of the input that it replaces",
    formula=decay_first,
)


@adamw_step.wrong("the moments have the dtype of `p`: they keep their own dtype, which may be wider")
def moments_as_narrow_as_p(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    decay: float = 0.01,
) -> Three:
    moved, first, second = decay_first(p, g, m, v, t, lr, betas, eps, decay)
    return moved, first.to(p.dtype), second.to(p.dtype)


@adamw_step.wrong("the second moment has the dtype of the first: each moment keeps its own dtype")
def v_as_narrow_as_m(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    decay: float = 0.01,
) -> Three:
    moved, first, second = decay_first(p, g, m, v, t, lr, betas, eps, decay)
    return moved, first, second.to(m.dtype)


@adamw_step.wrong("the parameters have the dtype of the gradient: they keep their own dtype, which may be wider")
def p_as_narrow_as_g(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    decay: float = 0.01,
) -> Three:
    moved, first, second = decay_first(p, g, m, v, t, lr, betas, eps, decay)
    return moved.to(g.dtype), first, second


@adamw_step.wrong("the moments have the dtype of the gradient: they keep their own dtype, which may be wider")
def moments_as_narrow_as_g(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    decay: float = 0.01,
) -> Three:
    moved, first, second = decay_first(p, g, m, v, t, lr, betas, eps, decay)
    return moved, first.to(g.dtype), second.to(g.dtype)


@adamw_step.wrong("the moments were changed in place, as optimizers do: here the inputs must stay unchanged")
def moments_in_place(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    decay: float = 0.01,
) -> Three:
    result = decay_first(p, g, m, v, t, lr, betas, eps, decay)
    m.float().mul_(betas[0]).add_(g.float(), alpha=1 - betas[0])  # float32 moments are no copies
    v.float().mul_(betas[1]).addcmul_(g.float(), g.float(), value=1 - betas[1])
    return result


@adamw_step.wrong("the parameters were changed in place, as optimizers do: here the inputs must stay unchanged")
def in_place(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    decay: float = 0.01,
) -> Three:
    pulled = p.float().mul_(1 - lr * decay)  # float32 parameters are no copy
    moved, first, second = plain_adam(pulled, g, m, v, t, lr, betas, eps)
    return moved.to(p.dtype), first, second
