"""Along a new axis: velocity and parameter are each a weighted sum of what is there before the step."""

from typing import NamedTuple

import torch
from torch import Tensor

from reference import LOW_PRECISION, oracle


def _weighted(terms: list[Tensor], weights: list[float], dtype: torch.dtype) -> Tensor:
    wide = torch.promote_types(torch.promote_types(terms[0].dtype, terms[-1].dtype), torch.get_default_dtype())
    column = torch.tensor(weights, dtype=wide).reshape(-1, *[1] * terms[0].dim())
    return (torch.stack([t.to(wide) for t in terms]) * column).sum(0).to(dtype)


@oracle
def sgd_momentum_step(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    moved = _weighted([p, g, v], [1.0, -lr, -lr * momentum], p.dtype)
    return moved, _weighted([g, v], [1.0, momentum], v.dtype)


class _Wide(NamedTuple):
    p: Tensor
    g: Tensor
    v: Tensor


def _wide(p: Tensor, g: Tensor, v: Tensor) -> _Wide:
    return _Wide(p.float(), g.float(), v.float())


def _step(p: Tensor, v: Tensor, moved: Tensor, velocity: Tensor) -> tuple[Tensor, Tensor]:
    return moved.to(p.dtype), velocity.to(v.dtype)


@sgd_momentum_step.right("with torch's own optimizer, on float32 copies")
def library(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    wide = _wide(p, g, v)
    parameter = wide.p.clone().requires_grad_()
    parameter.grad = wide.g.clone()
    optimizer = torch.optim.SGD([parameter], lr=lr, momentum=momentum, foreach=False)
    optimizer.state[parameter]["momentum_buffer"] = wide.v.clone()
    optimizer.step()
    return _step(p, v, parameter.detach(), optimizer.state[parameter]["momentum_buffer"])


@sgd_momentum_step.right("lr spread over both terms, as a fused kernel may")
def lr_spread(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    return _step(p, v, w.p - lr * w.g - (lr * momentum) * w.v, torch.add(w.g, w.v, alpha=momentum))


@sgd_momentum_step.wrong("the gradient weighed by 1 − momentum: that is dampening, PyTorch adds the whole gradient")
def dampened(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * w.v + (1 - momentum) * w.g
    return _step(p, v, w.p - lr * velocity, velocity)


@sgd_momentum_step.wrong(
    "lr taken into the velocity: old steps then keep the lr of their time, when the schedule moves"
)
def lr_in_the_velocity(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * w.v + lr * w.g
    return _step(p, v, w.p - velocity, velocity)


@sgd_momentum_step.wrong(
    "lr applied twice, in the velocity and in the step: the parameters move by lr² of the gradient"
)
def lr_twice(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * w.v + lr * w.g
    return _step(p, v, w.p - lr * velocity, velocity)


@sgd_momentum_step.wrong("a velocity that points downhill and holds lr: here it is a sum of gradients, subtracted")
def downhill(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * w.v - lr * w.g
    return _step(p, v, w.p + velocity, velocity)


@sgd_momentum_step.wrong("moved by the old velocity: update the velocity first, then the parameters")
def old_velocity(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    return _step(p, v, w.p - lr * w.v, momentum * w.v + w.g)


@sgd_momentum_step.wrong("moved by the gradient alone: that is plain descent with a velocity nobody uses")
def velocity_unused(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    return _step(p, v, w.p - lr * w.g, momentum * w.v + w.g)


@sgd_momentum_step.wrong("Nesterov's step, which looks one velocity ahead: plain momentum is asked for")
def nesterov(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * w.v + w.g
    return _step(p, v, w.p - lr * (w.g + momentum * velocity), velocity)


@sgd_momentum_step.wrong("the new gradient fades at once: only the old velocity is multiplied by `momentum`")
def fades_the_gradient(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * (w.v + w.g)
    return _step(p, v, w.p - lr * velocity, velocity)


@sgd_momentum_step.wrong("`momentum` put on the gradient: it is the share of the old velocity that stays")
def momentum_on_the_gradient(
    p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9
) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = w.v + momentum * w.g
    return _step(p, v, w.p - lr * velocity, velocity)


@sgd_momentum_step.wrong("the velocity never fades: without `momentum` it is the sum of all gradients since the start")
def never_fades(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    return _step(p, v, w.p - lr * (w.v + w.g), w.v + w.g)


@sgd_momentum_step.wrong("added, not subtracted: that climbs the loss")
def climbs(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * w.v + w.g
    return _step(p, v, w.p + lr * velocity, velocity)


@sgd_momentum_step.wrong("velocity and parameters returned the wrong way round: parameters come first")
def swapped(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * w.v + w.g
    return velocity.to(v.dtype), (w.p - lr * velocity).to(p.dtype)


@sgd_momentum_step.wrong("the velocity changed in place, as optimizers do: here the inputs stay as they were")
def in_place(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    velocity = v.float().mul_(momentum).add_(g.float())  # a float32 `v` is no copy
    return _step(p, v, p.float() - lr * velocity, velocity)


@sgd_momentum_step.wrong("the parameters changed in place, as optimizers do: here the inputs stay as they were")
def in_place_parameters(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    velocity = momentum * v.float() + g.float()
    return _step(p, v, p.float().sub_(lr * velocity), velocity)


@sgd_momentum_step.wrong(LOW_PRECISION)
def low_precision_inside(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    velocity = momentum * v + g
    return (p - lr * velocity).to(p.dtype), velocity.to(v.dtype)


@sgd_momentum_step.wrong(
    "the velocity rounded before the parameters use it: they take it in float32, and round themselves"
)
def rounded_between(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = (momentum * w.v + w.g).to(v.dtype)
    return (w.p - lr * velocity.float()).to(p.dtype), velocity


sgd_momentum_step.standard_wrongs(
    "returns_fp32",
    says="returned in float32: parameters keep the dtype of `p`, the velocity that of `v`",
    formula=lr_spread,
)


@sgd_momentum_step.wrong("parameters returned in the dtype of `v`: they keep their own, the velocity may be wider")
def widened(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    moved, velocity = lr_spread(*w, lr, momentum)
    return moved.to(v.dtype), velocity.to(v.dtype)


@sgd_momentum_step.wrong("the velocity returned in the dtype of `p`: it keeps its own, which may be wider")
def velocity_as_narrow_as_p(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    moved, velocity = lr_spread(*_wide(p, g, v), lr, momentum)
    return moved.to(p.dtype), velocity.to(p.dtype)


@sgd_momentum_step.wrong("the velocity returned in the dtype of the gradient: it keeps its own, which may be wider")
def velocity_as_narrow_as_g(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    moved, velocity = lr_spread(*_wide(p, g, v), lr, momentum)
    return moved.to(p.dtype), velocity.to(g.dtype)


@sgd_momentum_step.wrong("parameters returned in the dtype of the gradient: they keep their own, which may be wider")
def p_as_narrow_as_g(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    moved, velocity = lr_spread(*_wide(p, g, v), lr, momentum)
    return moved.to(g.dtype), velocity.to(v.dtype)


@sgd_momentum_step.wrong("the update rounded to the dtype of `p` before it is subtracted: round the result once")
def update_rounded(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    velocity = momentum * v.float() + g.float()
    return p - (lr * velocity).to(p.dtype), velocity.to(v.dtype)


@sgd_momentum_step.wrong("`momentum` taken as 0.9 whatever is given")
def fixed_momentum(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    return lr_spread(p, g, v, lr)
