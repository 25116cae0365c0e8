"""Velocity and parameter are each a weighted sum, along a new axis, of the three inputs."""

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


@sgd_momentum_step.right("lr applied to both terms, as a fused kernel may do")
def lr_spread(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    return _step(p, v, w.p - lr * w.g - (lr * momentum) * w.v, torch.add(w.g, w.v, alpha=momentum))


@sgd_momentum_step.wrong(
    "the gradient was weighted by 1 − momentum: that is dampening; here the whole gradient is added"
)
def dampened(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * w.v + (1 - momentum) * w.g
    return _step(p, v, w.p - lr * velocity, velocity)


@sgd_momentum_step.wrong("lr is inside the velocity: when the schedule changes lr, old steps then keep their old lr")
def lr_in_the_velocity(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * w.v + lr * w.g
    return _step(p, v, w.p - velocity, velocity)


@sgd_momentum_step.wrong(
    "lr was applied twice, in the velocity and in the step: the parameters then move by lr² times the gradient"
)
def lr_twice(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * w.v + lr * w.g
    return _step(p, v, w.p - lr * velocity, velocity)


@sgd_momentum_step.wrong(
    "the velocity points downhill and contains lr: here it is a sum of gradients, and the step subtracts it"
)
def downhill(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * w.v - lr * w.g
    return _step(p, v, w.p + velocity, velocity)


@sgd_momentum_step.wrong("the parameters used the old velocity: update the velocity first, then the parameters")
def old_velocity(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    return _step(p, v, w.p - lr * w.v, momentum * w.v + w.g)


@sgd_momentum_step.wrong(
    "the parameters moved by the gradient alone: that is plain SGD, and the velocity has no effect"
)
def velocity_unused(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    return _step(p, v, w.p - lr * w.g, momentum * w.v + w.g)


@sgd_momentum_step.wrong("this is Nesterov's step, which looks one velocity ahead: compute plain momentum")
def nesterov(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * w.v + w.g
    return _step(p, v, w.p - lr * (w.g + momentum * velocity), velocity)


@sgd_momentum_step.wrong("the new gradient was multiplied by `momentum` too: multiply only the old velocity")
def fades_the_gradient(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * (w.v + w.g)
    return _step(p, v, w.p - lr * velocity, velocity)


@sgd_momentum_step.wrong("`momentum` multiplied the gradient: multiply the old velocity by it")
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


@sgd_momentum_step.wrong("the step was added: subtract it, or the loss rises")
def climbs(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * w.v + w.g
    return _step(p, v, w.p + lr * velocity, velocity)


@sgd_momentum_step.wrong("the velocity came first: return the parameters, then the velocity")
def swapped(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = momentum * w.v + w.g
    return velocity.to(v.dtype), (w.p - lr * velocity).to(p.dtype)


@sgd_momentum_step.wrong("the velocity was changed in place, as optimizers do: here the inputs must stay unchanged")
def in_place(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    velocity = v.float().mul_(momentum).add_(g.float())  # for a float32 `v` this is not a copy
    return _step(p, v, p.float() - lr * velocity, velocity)


@sgd_momentum_step.wrong("the parameters were changed in place, as optimizers do: here the inputs must stay unchanged")
def in_place_parameters(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    velocity = momentum * v.float() + g.float()
    return _step(p, v, p.float().sub_(lr * velocity), velocity)


@sgd_momentum_step.wrong(LOW_PRECISION)
def low_precision_inside(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    velocity = momentum * v + g
    return (p - lr * velocity).to(p.dtype), velocity.to(v.dtype)


@sgd_momentum_step.wrong(
    "the velocity was rounded before the parameters used it: use it in float32, and round each result once"
)
def rounded_between(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    velocity = (momentum * w.v + w.g).to(v.dtype)
    return (w.p - lr * velocity.float()).to(p.dtype), velocity


sgd_momentum_step.standard_wrongs(
    "returns_fp32",
    says="returned in float32: parameters keep the dtype of `p`, and the velocity keeps the dtype of `v`",
    formula=lr_spread,
)


@sgd_momentum_step.wrong(
    "the parameters have the dtype of `v`: they keep their own dtype, and the velocity may be wider"
)
def widened(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    w = _wide(p, g, v)
    moved, velocity = lr_spread(*w, lr, momentum)
    return moved.to(v.dtype), velocity.to(v.dtype)


@sgd_momentum_step.wrong("the velocity has the dtype of `p`: it keeps its own dtype, which may be wider")
def velocity_as_narrow_as_p(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    moved, velocity = lr_spread(*_wide(p, g, v), lr, momentum)
    return moved.to(p.dtype), velocity.to(p.dtype)


@sgd_momentum_step.wrong("the velocity has the dtype of the gradient: it keeps its own dtype, which may be wider")
def velocity_as_narrow_as_g(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    moved, velocity = lr_spread(*_wide(p, g, v), lr, momentum)
    return moved.to(p.dtype), velocity.to(g.dtype)


@sgd_momentum_step.wrong("the parameters have the dtype of the gradient: they keep their own dtype, which may be wider")
def p_as_narrow_as_g(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    moved, velocity = lr_spread(*_wide(p, g, v), lr, momentum)
    return moved.to(g.dtype), velocity.to(v.dtype)


@sgd_momentum_step.wrong("the update was rounded to the dtype of `p` before the subtraction: round the result once")
def update_rounded(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    velocity = momentum * v.float() + g.float()
    return p - (lr * velocity).to(p.dtype), velocity.to(v.dtype)


@sgd_momentum_step.wrong("a momentum of 0.9 was always used: use the given momentum")
def fixed_momentum(p: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float = 0.9) -> tuple[Tensor, Tensor]:
    return lr_spread(p, g, v, lr)
