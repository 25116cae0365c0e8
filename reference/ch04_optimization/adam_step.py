"""The moments move toward the new value. The corrections are folded into the step size and the root."""

from collections.abc import Callable
from functools import wraps
from typing import NamedTuple

import torch
from torch import Tensor

from reference import LOW_PRECISION, oracle

Betas = tuple[float, float]
Three = tuple[Tensor, Tensor, Tensor]


@oracle
def adam_step(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
) -> Three:
    if t < 1:
        raise ValueError("t starts at 1")
    first = m + (1 - betas[0]) * (g - m)
    second = v + (1 - betas[1]) * (g * g - v)
    root = torch.sqrt(second) / (1 - betas[1] ** t) ** 0.5
    moved = p - lr / (1 - betas[0] ** t) * (first / (root + eps))
    return moved.to(p.dtype), first.to(m.dtype), second.to(v.dtype)


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

    def moved(self, mean: Tensor, root: Tensor) -> Tensor:
        return self.p - self.lr * mean / (root + self.eps)


def _in_float32(formula: Callable[[Step], Three]) -> Callable[..., Three]:
    """`formula` as an answer: t checked, inputs in float32, each result in the dtype of the input that it replaces."""

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
    ) -> Three:
        if t < 1:
            raise ValueError("t starts at 1")
        moved, first, second = formula(Step(p.float(), g.float(), m.float(), v.float(), t, lr, betas, eps))
        return moved.to(p.dtype), first.to(m.dtype), second.to(v.dtype)

    return answer


@adam_step.right("with torch's own optimizer, on float32 copies")
@_in_float32
def library(s: Step) -> Three:
    parameter = s.p.clone().requires_grad_()
    parameter.grad = s.g.clone()
    optimizer = torch.optim.Adam([parameter], lr=s.lr, betas=s.betas, eps=s.eps, foreach=False)
    state = {"step": torch.tensor(float(s.t - 1)), "exp_avg": s.m.clone(), "exp_avg_sq": s.v.clone()}
    optimizer.state[parameter].update(state)
    optimizer.step()
    state = optimizer.state[parameter]
    return parameter.detach(), state["exp_avg"], state["exp_avg_sq"]


@adam_step.right("as defined, line by line")
@_in_float32
def by_definition(s: Step) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.moved(m / c1, (v / c2).sqrt()), m, v


@adam_step.right("both corrections in one factor of lr, with a smaller eps to match")
@_in_float32
def one_factor(s: Step) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.p - s.lr * c2**0.5 / c1 * m / (v.sqrt() + s.eps * c2**0.5), m, v


@adam_step.wrong(
    "no bias correction: both moments start at zero, and with the default betas the first step is 3.2 times too long"
)
@_in_float32
def no_correction(s: Step) -> Three:
    m, v = s.moments()
    return s.moved(m, v.sqrt()), m, v


@adam_step.wrong("only the first moment was corrected: v starts at zero too, and the step divides by its root")
@_in_float32
def only_first_corrected(s: Step) -> Three:
    m, v = s.moments()
    return s.moved(m / s.corrections()[0], v.sqrt()), m, v


@adam_step.wrong(
    "only the second moment was corrected: m starts at zero too, so the first step is a tenth of the right size"
)
@_in_float32
def only_second_corrected(s: Step) -> Three:
    m, v = s.moments()
    return s.moved(m, (v / s.corrections()[1]).sqrt()), m, v


@adam_step.wrong("both moments were corrected by 1 − β₁ᵗ: v fades with β₂, so its correction is 1 − β₂ᵗ")
@_in_float32
def same_correction(s: Step) -> Three:
    (m, v), (c1, _) = s.moments(), s.corrections()
    return s.moved(m / c1, (v / c1).sqrt()), m, v


@adam_step.wrong("the correction of v is outside the root: correct v first, then take the root")
@_in_float32
def correction_outside_the_root(s: Step) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.moved(m / c1, v.sqrt() / c2), m, v


@adam_step.wrong("eps is under the root: there 1e-8 acts like 1e-4, which is larger than many gradients")
@_in_float32
def eps_inside(s: Step) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.p - s.lr * (m / c1) / (v / c2 + s.eps).sqrt(), m, v


@adam_step.wrong("eps was added before the correction: at t = 1 its effect is then 32 times as large; add it to √v̂")
@_in_float32
def eps_before_the_correction(s: Step) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.p - s.lr * c2**0.5 / c1 * m / (v.sqrt() + s.eps), m, v


@adam_step.wrong("eps is missing: if all gradients were zero, the result is 0 / 0")
@_in_float32
def no_eps(s: Step) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.p - s.lr * (m / c1) / (v / c2).sqrt(), m, v


@adam_step.wrong("eps was used as a lower bound: add it to √v̂, so that it also acts above that bound")
@_in_float32
def eps_as_a_floor(s: Step) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.p - s.lr * (m / c1) / (v / c2).sqrt().clamp(min=s.eps), m, v


@adam_step.wrong("the step was divided by v̂, not by its root: then steps shrink as gradients grow")
@_in_float32
def no_root(s: Step) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.moved(m / c1, v / c2), m, v


@adam_step.wrong("the gradient was not squared in v: its signs cancel there, and the root of a negative mean is NaN")
@_in_float32
def not_squared(s: Step) -> Three:
    (m, _), (c1, c2) = s.moments(), s.corrections()
    v = s.betas[1] * s.v + (1 - s.betas[1]) * s.g
    return s.moved(m / c1, (v / c2).sqrt()), m, v


@adam_step.wrong("v was computed from the square of the mean: it is the mean of the squares of `g`")
@_in_float32
def square_of_the_mean(s: Step) -> Three:
    (m, _), (c1, c2) = s.moments(), s.corrections()
    v = s.betas[1] * s.v + (1 - s.betas[1]) * m * m
    return s.moved(m / c1, (v / c2).sqrt()), m, v


@adam_step.wrong("the gradient was added with weight 1: in the mean its weight is 1 − β")
@_in_float32
def whole_gradient(s: Step) -> Three:
    c1, c2 = s.corrections()
    m, v = s.betas[0] * s.m + s.g, s.betas[1] * s.v + s.g * s.g
    return s.moved(m / c1, (v / c2).sqrt()), m, v


@adam_step.wrong(
    "β₁ and β₂ are swapped: by default the mean of g covers about ten steps, the mean of g² about a thousand"
)
@_in_float32
def swapped_betas(s: Step) -> Three:
    s = s._replace(betas=(s.betas[1], s.betas[0]))
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.moved(m / c1, (v / c2).sqrt()), m, v


@adam_step.wrong("β and 1 − β are swapped: the old mean keeps the large weight")
@_in_float32
def swapped_weights(s: Step) -> Three:
    (b1, b2), (c1, c2) = s.betas, s.corrections()
    m, v = (1 - b1) * s.m + b1 * s.g, (1 - b2) * s.v + b2 * s.g * s.g
    return s.moved(m / c1, (v / c2).sqrt()), m, v


@adam_step.wrong("the corrected moments were returned: the next step would correct them a second time")
@_in_float32
def corrected_state(s: Step) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.moved(m / c1, (v / c2).sqrt()), m / c1, v / c2


@adam_step.wrong("the correction used t + 1: the first step already has t = 1")
@_in_float32
def one_step_ahead(s: Step) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections(s.t + 1)
    return s.moved(m / c1, (v / c2).sqrt()), m, v


@adam_step.wrong("the correction used t − 1: at the first step it divides by 1 − β⁰ = 0")
@_in_float32
def one_step_behind(s: Step) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections(s.t - 1)
    return s.moved(m / c1, (v / c2).sqrt()), m, v


@adam_step.wrong("the parameters used the old second moment: update both moments first, then the parameters")
@_in_float32
def old_second_moment(s: Step) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.moved(m / c1, (s.v / c2).sqrt()), m, v


@adam_step.wrong("the correction was (1 − β)·t: it is 1 − βᵗ, with a power")
@_in_float32
def times_t(s: Step) -> Three:
    m, v = s.moments()
    return s.moved(m / ((1 - s.betas[0]) * s.t), (v / ((1 - s.betas[1]) * s.t)).sqrt()), m, v


@adam_step.wrong("the correction was 1 − β at every step: it is 1 − βᵗ, which approaches 1")
@_in_float32
def without_t(s: Step) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections(1)
    return s.moved(m / c1, (v / c2).sqrt()), m, v


@adam_step.wrong("the betas 0.9 and 0.999 were always used: use the given betas")
@_in_float32
def fixed_betas(s: Step) -> Three:
    s = s._replace(betas=(0.9, 0.999))
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.moved(m / c1, (v / c2).sqrt()), m, v


@adam_step.wrong("an eps of 1e-8 was always used: use the given eps")
@_in_float32
def fixed_eps(s: Step) -> Three:
    s = s._replace(eps=1e-8)
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s.moved(m / c1, (v / c2).sqrt()), m, v


@adam_step.wrong("the parameters used the old moments: update the moments first, then the parameters")
@_in_float32
def old_moments(s: Step) -> Three:
    c1, c2 = s.corrections()
    return s.moved(s.m / c1, (s.v / c2).sqrt()), *s.moments()


@adam_step.wrong("the step was added: subtract it, or the loss rises")
@_in_float32
def climbs(s: Step) -> Three:
    (m, v), (c1, c2) = s.moments(), s.corrections()
    return s._replace(lr=-s.lr).moved(m / c1, (v / c2).sqrt()), m, v


@adam_step.wrong("βᵗ was computed in float32: there 1 − 0.999 has five correct digits, but thirteen in Python's floats")
@_in_float32
def float32_powers(s: Step) -> Three:
    m, v = s.moments()
    c1, c2 = (1 - torch.tensor(beta, dtype=torch.float32) ** s.t for beta in s.betas)
    return s.moved(m / c1, (v / c2).sqrt()), m, v


@adam_step.wrong("only negative t was refused, so t = 0 was accepted: 1 − β⁰ is 0, so the step is NaN")
def zero_t(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
) -> Three:
    if t < 0:
        raise ValueError("t starts at 1")
    return any_t(p, g, m, v, t, lr, betas, eps)


@adam_step.wrong("t was not checked: at t = 0, 1 − β⁰ is 0 and the step is NaN")
def any_t(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
) -> Three:
    s = Step(p.float(), g.float(), m.float(), v.float(), t, lr, betas, eps)
    (first, second), (c1, c2) = s.moments(), s.corrections()
    moved = s.moved(first / c1, (second / c2).sqrt())
    return moved.to(p.dtype), first.to(m.dtype), second.to(v.dtype)


@adam_step.wrong(LOW_PRECISION)
def low_precision_inside(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
) -> Three:
    if t < 1:
        raise ValueError("t starts at 1")
    s = Step(p, g, m, v, t, lr, betas, eps)
    (first, second), (c1, c2) = s.moments(), s.corrections()
    return s.moved(first / c1, (second / c2).sqrt()).to(p.dtype), first, second


@adam_step.wrong("the gradient was squared before the upcast: in fp16, 300² is inf and 1e-4² is 0")
def squared_narrow(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
) -> Three:
    if t < 1:
        raise ValueError("t starts at 1")
    s = Step(p.float(), g.float(), m.float(), v.float(), t, lr, betas, eps)
    (first, _), (c1, c2) = s.moments(), s.corrections()
    second = betas[1] * s.v + (1 - betas[1]) * (g * g).float()
    return s.moved(first / c1, (second / c2).sqrt()).to(p.dtype), first.to(m.dtype), second.to(v.dtype)


@adam_step.wrong("the moments were rounded before the parameters used them: use them in float32")
def rounded_between(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
) -> Three:
    if t < 1:
        raise ValueError("t starts at 1")
    s = Step(p.float(), g.float(), m.float(), v.float(), t, lr, betas, eps)
    first, second = s.moments()
    first, second = first.to(m.dtype), second.to(v.dtype)
    c1, c2 = s.corrections()
    return s.moved(first.float() / c1, (second.float() / c2).sqrt()).to(p.dtype), first, second


adam_step.standard_wrongs(
    "returns_fp32",
    says="returned in float32: each result keeps the dtype of the input that it replaces",
    formula=by_definition,
)


@adam_step.wrong("the moments were changed in place, as optimizers do: here the inputs must stay unchanged")
def in_place(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
) -> Three:
    if t < 1:
        raise ValueError("t starts at 1")
    first = m.float().mul_(betas[0]).add_(g.float(), alpha=1 - betas[0])  # float32 moments are no copies
    second = v.float().mul_(betas[1]).addcmul_(g.float(), g.float(), value=1 - betas[1])
    moved = p.float() - lr * (first / (1 - betas[0] ** t)) / ((second / (1 - betas[1] ** t)).sqrt() + eps)
    return moved.to(p.dtype), first.to(m.dtype), second.to(v.dtype)


def _dtypes_of(p: Tensor, m: Tensor, v: Tensor, three: Three) -> Three:
    return three[0].to(p.dtype), three[1].to(m.dtype), three[2].to(v.dtype)


@adam_step.wrong("the moments have the dtype of `p`: they keep their own dtype, which may be wider")
def moments_as_narrow_as_p(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
) -> Three:
    wide = by_definition(p.float(), g.float(), m.float(), v.float(), t, lr, betas, eps)
    return _dtypes_of(p, p, p, wide)


@adam_step.wrong("the parameters have the dtype of the gradient: they keep their own dtype, which may be wider")
def p_as_narrow_as_g(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
) -> Three:
    wide = by_definition(p.float(), g.float(), m.float(), v.float(), t, lr, betas, eps)
    return _dtypes_of(g, m, v, wide)


@adam_step.wrong("the second moment has the dtype of the first: each moment keeps its own dtype")
def v_as_narrow_as_m(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
) -> Three:
    wide = by_definition(p.float(), g.float(), m.float(), v.float(), t, lr, betas, eps)
    return _dtypes_of(p, m, m, wide)


@adam_step.wrong("the update was rounded to the dtype of `p` before the subtraction: compute in float32 and round once")
def update_rounded(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
) -> Three:
    moved, first, second = by_definition(torch.zeros_like(p), g, m, v, t, lr, betas, eps)
    return p + moved, first, second


@adam_step.wrong("the moments have the dtype of the gradient: they keep their own dtype, which may be wider")
def moments_as_narrow_as_g(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
) -> Three:
    wide = by_definition(p.float(), g.float(), m.float(), v.float(), t, lr, betas, eps)
    return _dtypes_of(p, g, g, wide)
