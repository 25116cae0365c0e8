"""A run that never stops. The variants stop, and differ in what they keep."""

import math
from collections.abc import Callable
from functools import wraps
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import PLANTED, oracle
from reference.ch04_optimization.adam_step import adam_step
from reference.symptom import Curve, Symptom

Tensors = dict[str, Tensor]
Trained = tuple[Tensor, Tensors]
NONE: frozenset[str] = frozenset()


@oracle
def hunt_resume_spike(batches: Tensor, params: Tensors, stop: int, steps: int, lr: float, seed: int) -> Trained:
    generator = torch.Generator().manual_seed(seed)
    order: list[int] = []
    while len(order) < steps:
        order += torch.randperm(len(batches), generator=generator).tolist()
    now, losses = dict(params), []
    m, v = ({name: torch.zeros_like(p) for name, p in params.items()} for _ in range(2))
    for t, number in enumerate(order[:steps], start=1):
        loss, grads = _backward(now, batches[number])
        losses.append(loss)
        for name, grad in grads.items():
            now[name], m[name], v[name] = adam_step(now[name], grad, m[name], v[name], t, lr)
    return torch.stack(losses), now


def _backward(params: Tensors, ids: Tensor) -> tuple[Tensor, Tensors]:
    leaves = {name: p.detach().requires_grad_() for name, p in params.items()}
    hidden = torch.tanh(F.embedding(ids[:, :-1], leaves["table"]))
    loss = F.cross_entropy(F.linear(hidden, leaves["head"]).flatten(0, 1), ids[:, 1:].flatten())
    return loss.detach(), dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))


class Run(NamedTuple):
    """The inputs."""

    batches: Tensor
    params: Tensors
    stop: int
    steps: int
    lr: float
    seed: int

    def train(
        self,
        lost: frozenset[str] = NONE,
        rate: Callable[[int], float] = lambda since: 1.0,
        still: int = 0,
        max_step: float = math.inf,
    ) -> Trained:
        """A run that loses what is `lost` of m, v, step, order and rng when it stops.

        In step number `since` after the stop, from 0, the learning rate is multiplied by `rate(since)`. In the first
        `still` steps after it only the moments move. After it, no parameter moves by more than `max_step` in a step.
        """
        now, losses, done = dict(self.params), [], 0
        order: list[int] = []
        m, v = ({name: torch.zeros_like(p) for name, p in now.items()} for _ in range(2))
        generator = torch.Generator().manual_seed(self.seed)
        for number in range(self.steps):
            if number == self.stop:
                m = {name: torch.zeros_like(p) if "m" in lost else p for name, p in m.items()}
                v = {name: torch.zeros_like(p) if "v" in lost else p for name, p in v.items()}
                done = 0 if "step" in lost else done
                order = [] if "order" in lost else order
                generator = torch.Generator().manual_seed(0) if "rng" in lost else generator
            first, *order = order or torch.randperm(len(self.batches), generator=generator).tolist()
            loss, grads = _backward(now, self.batches[first])
            losses.append(loss)
            done, since = done + 1, number - self.stop
            lr = self.lr * (rate(since) if since >= 0 else 1.0)
            for name, grad in grads.items():
                moved, m[name], v[name] = adam_step(now[name], grad, m[name], v[name], done, lr)
                step = moved - now[name] if since < 0 else (moved - now[name]).clamp(-max_step, max_step)
                now[name] = now[name] if 0 <= since < still else now[name] + step
        return torch.stack(losses), now


def _of_inputs(formula: Callable[[Run], Trained]) -> Callable[..., Trained]:
    """`formula`, of all inputs as one, as an answer."""

    @wraps(formula)
    def answer(batches: Tensor, params: Tensors, stop: int, steps: int, lr: float, seed: int) -> Trained:
        return formula(Run(batches, params, stop, steps, lr, seed))

    return answer


MOMENTS = frozenset({"m", "v"})


@hunt_resume_spike.right("everything is kept")
@_of_inputs
def all_kept(r: Run) -> Trained:
    return r.train()


@hunt_resume_spike.right("the moments are kept after their correction, as weighted means of all gradients so far")
@_of_inputs
def corrected_moments(r: Run) -> Trained:
    generator = torch.Generator().manual_seed(r.seed)
    now, losses = dict(r.params), []
    mean, square = ({name: torch.zeros_like(p) for name, p in now.items()} for _ in range(2))
    order: list[int] = []
    for t in range(1, r.steps + 1):
        order = order or torch.randperm(len(r.batches), generator=generator).tolist()
        loss, grads = _backward(now, r.batches[order.pop(0)])
        losses.append(loss)
        for name, grad in grads.items():
            mean[name] = torch.lerp(mean[name], grad, 0.1 / (1 - 0.9**t))
            square[name] = torch.lerp(square[name], grad * grad, 0.001 / (1 - 0.999**t))
            now[name] = now[name] - r.lr * mean[name] / (square[name].sqrt() + 1e-8)
    return torch.stack(losses), now


@hunt_resume_spike.right("no stop at all")
@_of_inputs
def no_stop(r: Run) -> Trained:
    return r._replace(stop=r.steps).train()


# What else may be lost


@hunt_resume_spike.wrong(PLANTED)
@_of_inputs
def planted(r: Run) -> Trained:
    return r.train(MOMENTS)


@hunt_resume_spike.wrong(
    "the step number starts again too: the moments are still lost, and each weight moves by lr in its first step"
)
@_of_inputs
def step_lost_too(r: Run) -> Trained:
    return r.train(MOMENTS | {"step"})


@hunt_resume_spike.wrong("only `m` came back: `v` starts at 0, and the steps are far too long")
@_of_inputs
def only_m(r: Run) -> Trained:
    return r.train(frozenset({"v"}))


@hunt_resume_spike.wrong("only `v` came back: `m` starts at 0, and the steps are too short at first")
@_of_inputs
def only_v(r: Run) -> Trained:
    return r.train(frozenset({"m"}))


@hunt_resume_spike.wrong("the moments came back, but step, order and random state belong to a new run")
@_of_inputs
def only_moments(r: Run) -> Trained:
    return r.train(frozenset({"step", "order", "rng"}))


@hunt_resume_spike.wrong("the moments came back, but the step number is 0: they are corrected as if they were new")
@_of_inputs
def step_lost(r: Run) -> Trained:
    return r.train(frozenset({"step"}))


@hunt_resume_spike.wrong("the moments came back, but the order of the data did not: some batches come twice")
@_of_inputs
def order_lost(r: Run) -> Trained:
    return r.train(frozenset({"order"}))


# Repairs that hide the jump


@hunt_resume_spike.wrong("the learning rate warms up again after the stop: the moments are still lost")
@_of_inputs
def warmed_up_again(r: Run) -> Trained:
    return r.train(MOMENTS, rate=lambda since: min(1.0, (since + 1) / 10))


@hunt_resume_spike.wrong("the learning rate is ten times smaller after the stop: the moments are still lost")
@_of_inputs
def smaller_rate(r: Run) -> Trained:
    return r.train(MOMENTS, rate=lambda since: 0.1)


@hunt_resume_spike.wrong("the first step after the stop only fills the moments: they were the mean of many steps")
@_of_inputs
def filled_by_one_step(r: Run) -> Trained:
    return r.train(MOMENTS, still=1)


@hunt_resume_spike.wrong("the steps after the stop are clipped to the learning rate: the moments are still lost")
@_of_inputs
def clipped(r: Run) -> Trained:
    return r.train(MOMENTS, max_step=r.lr)


@hunt_resume_spike.symptom("largest loss of the 15 steps after the restart, minus the largest of the 15 before it")
def symptom(run: Callable[..., Trained], seed: int) -> Symptom:
    """Two batches of 16 texts, from a vocabulary of 16 in which each token has a few likely successors."""
    g = torch.Generator().manual_seed(seed)
    likely = torch.rand(16, 16, generator=g) ** 4
    ids = torch.randint(0, 16, (32, 1), generator=g)
    for _ in range(11):
        ids = torch.cat([ids, torch.multinomial(likely[ids[:, -1]], 1, generator=g)], dim=1)
    params = {"table": torch.randn(16, 8, generator=g), "head": torch.randn(16, 8, generator=g) / 3}
    losses = run(ids.view(2, 16, 12), params, 200, 260, 0.1, seed)[0]
    jump = losses[200:215].max() - losses[185:200].max()
    return Symptom(jump.item(), (Curve("Training", tuple(losses.tolist())),))
