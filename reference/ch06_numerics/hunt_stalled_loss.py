"""The backward pass written out in the dtype of the weights. The variants run it in bf16, with autograd."""

import math
from collections.abc import Callable
from functools import wraps
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import PLANTED, lowp, oracle
from reference.ch04_optimization.adam_step import adam_step
from reference.symptom import Curve, Symptom

Tensors = dict[str, Tensor]
Tuned = tuple[Tensor, Tensors]
Round = Callable[[str, Tensor], Tensor]  # of a weight, by its name


@oracle
def hunt_stalled_loss(x: Tensor, targets: Tensor, weights: Tensors, steps: int, lr: float) -> Tuned:
    wide = torch.get_default_dtype()
    now = {name: w.to(wide) for name, w in weights.items()}
    m, v = ({name: torch.zeros_like(w) for name, w in now.items()} for _ in range(2))
    rows = x.to(wide)
    normed = lowp(rows / torch.sqrt((rows * rows).mean(1, keepdim=True) + 1e-6))
    losses = []
    for t in range(1, steps + 1):
        gain, head = (_copy(now[name], t) for name in ("gain", "head"))
        y = lowp(normed * gain)
        logits = lowp(y @ head.T)
        right = F.one_hot(targets, logits.shape[1]).to(wide)
        losses.append((torch.logsumexp(logits, dim=1) - (logits * right).sum(1)).mean())
        d_logits = lowp((torch.softmax(logits, dim=1) - right) / len(rows))
        d_y = lowp(d_logits @ head)
        grads = {"gain": lowp(lowp(d_y * normed).sum(0)), "head": lowp(d_logits.T @ y)}
        for name in now:
            now[name], m[name], v[name] = adam_step(now[name], grads[name], m[name], v[name], t, lr)
    return torch.stack(losses), now


def _copy(w: Tensor, t: int) -> Tensor:
    """The bf16 copy of a weight. A later weight may be rounded either way, because float32 has rounded it before."""
    return w.bfloat16().to(w.dtype) if t == 1 else lowp(w)


class Run(NamedTuple):
    """The inputs."""

    x: Tensor
    targets: Tensor
    weights: Tensors
    steps: int
    lr: float

    def backward(self, low: Tensors) -> tuple[Tensor, Tensors]:
        leaves = {name: w.detach().requires_grad_() for name, w in low.items()}
        logits = (F.rms_norm(self.x, self.x.shape[-1:], eps=1e-6) * leaves["gain"]) @ leaves["head"].T
        loss = F.cross_entropy(logits.float(), self.targets)
        grads = torch.autograd.grad(loss, list(leaves.values()))
        return loss.detach(), {name: g.float() for name, g in zip(leaves, grads, strict=True)}

    def tune(self, kept: Round = lambda name, w: w, *, frozen: bool = False, wide: bool = False) -> Tuned:
        """The whole run. Adam steps `kept(name, weight)`.

        The passes get bf16 copies. If `frozen`, the first copies are kept; if `wide`, they get the weights instead.
        """
        now, losses = dict(self.weights), []
        m, v = ({name: torch.zeros_like(w) for name, w in now.items()} for _ in range(2))
        for t in range(1, self.steps + 1):
            loss, grads = self.backward(now if wide else _low(self.weights if frozen else now))
            losses.append(loss)
            for name, grad in grads.items():
                now[name], m[name], v[name] = adam_step(kept(name, now[name]), grad, m[name], v[name], t, self.lr)
        return torch.stack(losses), now


def _low(weights: Tensors) -> Tensors:
    return {name: w.bfloat16() for name, w in weights.items()}


def _bf16(name: str, w: Tensor) -> Tensor:
    return w.bfloat16().float()


def _of_inputs(formula: Callable[[Run], Tuned]) -> Callable[..., Tuned]:
    """`formula`, of all inputs as one, as an answer."""

    @wraps(formula)
    def answer(x: Tensor, targets: Tensor, weights: Tensors, steps: int, lr: float) -> Tuned:
        return formula(Run(x, targets, weights, steps, lr))

    return answer


@hunt_stalled_loss.right("Adam steps the float32 weights")
@_of_inputs
def from_float32(r: Run) -> Tuned:
    return r.tune()


@hunt_stalled_loss.right("each weight as a bf16 number and a float32 remainder")
@_of_inputs
def with_remainder(r: Run) -> Tuned:
    low = _low(r.weights)
    rest = {name: w - low[name].float() for name, w in r.weights.items()}
    m, v = ({name: torch.zeros_like(w) for name, w in r.weights.items()} for _ in range(2))
    losses = []
    for t in range(1, r.steps + 1):
        loss, grads = r.backward(low)
        losses.append(loss)
        for name, grad in grads.items():
            moved, m[name], v[name] = adam_step(low[name].float() + rest[name], grad, m[name], v[name], t, r.lr)
            low[name] = moved.bfloat16()
            rest[name] = moved - low[name].float()
    return torch.stack(losses), {name: low[name].float() + rest[name] for name in low}


@hunt_stalled_loss.right("the length of the step from zero, added to the float32 weights")
@_of_inputs
def step_apart(r: Run) -> Tuned:
    now, losses = dict(r.weights), []
    m, v = ({name: torch.zeros_like(w) for name, w in now.items()} for _ in range(2))
    for t in range(1, r.steps + 1):
        loss, grads = r.backward(_low(now))
        losses.append(loss)
        for name, grad in grads.items():
            step, m[name], v[name] = adam_step(torch.zeros_like(now[name]), grad, m[name], v[name], t, r.lr)
            now[name] = now[name] + step
    return torch.stack(losses), now


# Repairs that change something else


@hunt_stalled_loss.wrong(PLANTED)
@_of_inputs
def planted(r: Run) -> Tuned:
    return r.tune(_bf16)


@hunt_stalled_loss.wrong(
    "the learning rate was made ten times larger: the steps are now longer than half a unit of bf16, and ten times too "
    "long"
)
@_of_inputs
def larger_rate(r: Run) -> Tuned:
    return r._replace(lr=10 * r.lr).tune(_bf16)


@hunt_stalled_loss.wrong("the weights were rounded to fp16: they have three more bits, so the run stalls later")
@_of_inputs
def in_fp16(r: Run) -> Tuned:
    return r.tune(lambda name, w: w.half().float())


@hunt_stalled_loss.wrong(
    "each weight moves by at least one unit of bf16: that moves all of them, but much further than Adam says"
)
@_of_inputs
def at_least_a_unit(r: Run) -> Tuned:
    now, losses = dict(r.weights), []
    m, v = ({name: torch.zeros_like(w) for name, w in now.items()} for _ in range(2))
    for t in range(1, r.steps + 1):
        low = _low(now)
        loss, grads = r.backward(low)
        losses.append(loss)
        for name, grad in grads.items():
            was = low[name].float()
            moved, m[name], v[name] = adam_step(was, grad, m[name], v[name], t, r.lr)
            direction = torch.where(moved > was, torch.inf, -torch.inf).bfloat16()
            unit = torch.nextafter(low[name], direction).float()
            now[name] = torch.where((moved - was).abs() < (unit - was).abs(), unit, moved)
    return torch.stack(losses), now


# Repairs that mend half of it


@hunt_stalled_loss.wrong("only the gain is kept in float32: the head has the same mistake")
@_of_inputs
def only_the_gain(r: Run) -> Tuned:
    return r.tune(lambda name, w: w if name == "gain" else _bf16(name, w))


@hunt_stalled_loss.wrong("only the head is kept in float32: the gain has the same mistake")
@_of_inputs
def only_the_head(r: Run) -> Tuned:
    return r.tune(lambda name, w: w if name == "head" else _bf16(name, w))


@hunt_stalled_loss.wrong("the forward pass got the float32 weights: the loss is not the loss of the bf16 copies")
@_of_inputs
def float32_forward(r: Run) -> Tuned:
    return r.tune(wide=True)


@hunt_stalled_loss.wrong("the bf16 copies were made once, before the first step: all gradients belong to the first")
@_of_inputs
def copied_once(r: Run) -> Tuned:
    return r.tune(frozen=True)


@hunt_stalled_loss.wrong("the weights are rounded to bf16 at the end: what is returned has float32's digits")
@_of_inputs
def rounded_at_the_end(r: Run) -> Tuned:
    losses, weights = r.tune()
    return losses, {name: _bf16(name, w) for name, w in weights.items()}


@hunt_stalled_loss.symptom("fall of the loss in the second half of 200 steps, in nats an example")
def symptom(run: Callable[..., Tuned], seed: int) -> Symptom:
    """32 random points with random classes, which the model can learn by heart, in small steps."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(32, 16, generator=g).bfloat16()
    targets = torch.randint(0, 4, (32,), generator=g)
    weights = {"gain": torch.ones(16), "head": torch.randn(4, 16, generator=g)}
    losses = run(x, targets, weights, 200, 1e-3)[0]
    fall = losses[100].item() - losses[-1].item()
    return Symptom(fall if math.isfinite(fall) else 0.0, (Curve("Training", tuple(losses.tolist())),))
