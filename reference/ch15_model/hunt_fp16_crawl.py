"""The backward pass written out in the dtype of the weights. The variants run it in fp16, with autograd."""

import math
from collections.abc import Callable
from functools import wraps
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import PLANTED, lowp, oracle
from reference.ch04_optimization.clip_by_global_norm import clip_by_global_norm
from reference.symptom import Curve, Symptom

Tensors = dict[str, Tensor]
Trained = tuple[Tensor, Tensors, float]
Ready = Callable[[list[Tensor], float, float], list[Tensor]]  # of scaled gradients in float32, the scale, max_norm
FIRST_INF = 65520.0  # the smallest number that fp16 rounds to inf


@oracle
def hunt_fp16_crawl(
    x: Tensor, targets: Tensor, weights: Tensors, lr: float, max_norm: float = 1.0, scale: float = 65536.0
) -> Trained:
    wide = torch.get_default_dtype()
    now = {name: w.to(wide) for name, w in weights.items()}
    velocity = {name: torch.zeros_like(w) for name, w in now.items()}
    losses = []
    for rows, wanted in zip(x.to(wide), targets, strict=True):
        up, down = lowp(now["up"]), lowp(now["down"])
        hidden = lowp(torch.tanh(lowp(rows @ up.T)))
        logits = lowp(hidden @ down.T)
        p = torch.softmax(logits, dim=1)
        right = F.one_hot(wanted, logits.shape[1]).to(wide)
        losses.append((torch.logsumexp(logits, dim=1) - (logits * right).sum(1)).mean())
        d_logits = lowp(scale * (p - right) / len(rows))
        d_hidden = lowp(d_logits @ down)
        d_before = lowp(d_hidden * (1 - hidden * hidden))
        scaled = {"up": lowp(d_before.T @ rows), "down": lowp(d_logits.T @ hidden)}
        if any(t.abs().amax() >= FIRST_INF for t in (d_logits, d_hidden, d_before, *scaled.values())):
            scale /= 2
            continue
        norm = torch.linalg.vector_norm(torch.cat([g.flatten() for g in scaled.values()])).item() / scale
        divisor = scale * max(1.0, norm / max_norm)
        for name in now:
            velocity[name] = 0.9 * velocity[name] + scaled[name] / divisor
            now[name] = now[name] - lr * velocity[name]
    return torch.stack(losses), now, scale


def clip(grads: list[Tensor], max_norm: float) -> list[Tensor]:
    return clip_by_global_norm(grads, max_norm)[0]


class Run(NamedTuple):
    """The inputs."""

    x: Tensor
    targets: Tensor
    weights: Tensors
    lr: float
    max_norm: float
    scale: float

    def train(self, ready: Ready) -> Trained:
        """The whole run in fp16. `ready` makes the gradients that the optimizer gets."""
        now, scale, losses = dict(self.weights), self.scale, []
        velocity = {name: torch.zeros_like(w) for name, w in now.items()}
        for rows, wanted in zip(self.x, self.targets, strict=True):
            half = {name: w.half().requires_grad_() for name, w in now.items()}
            logits = torch.tanh(rows @ half["up"].T) @ half["down"].T
            loss = F.cross_entropy(logits.float(), wanted)
            grads = torch.autograd.grad(scale * loss, list(half.values()))
            losses.append(loss.detach())
            if not all(torch.isfinite(g).all() for g in grads):
                scale = scale / 2
                continue
            for name, grad in zip(now, ready([g.float() for g in grads], scale, self.max_norm), strict=True):
                velocity[name] = 0.9 * velocity[name] + grad
                now[name] = now[name] - self.lr * velocity[name]
        return torch.stack(losses), now, scale

    def planted(self) -> Trained:
        return self.train(lambda grads, scale, max_norm: [g / scale for g in clip(grads, max_norm)])


def _of_inputs(formula: Callable[[Run], Trained]) -> Callable[..., Trained]:
    """`formula`, of all inputs as one, as an answer."""

    @wraps(formula)
    def answer(
        x: Tensor, targets: Tensor, weights: Tensors, lr: float, max_norm: float = 1.0, scale: float = 65536.0
    ) -> Trained:
        return formula(Run(x, targets, weights, lr, max_norm, scale))

    return answer


@hunt_fp16_crawl.right("unscaled, then clipped")
@_of_inputs
def unscaled_first(r: Run) -> Trained:
    return r.train(lambda grads, scale, max_norm: clip([g / scale for g in grads], max_norm))


@hunt_fp16_crawl.right("clipped first, to a max_norm that is multiplied by the scale")
@_of_inputs
def limit_scaled(r: Run) -> Trained:
    return r.train(lambda grads, scale, max_norm: [g / scale for g in clip(grads, scale * max_norm)])


@hunt_fp16_crawl.right("one division, by the scale and by what the norm is too large")
@_of_inputs
def one_divisor(r: Run) -> Trained:
    def ready(grads: list[Tensor], scale: float, max_norm: float) -> list[Tensor]:
        norm = math.sqrt(sum(g.double().square().sum().item() for g in grads)) / scale
        return [g / (scale * max(1.0, norm / max_norm)) for g in grads]

    return r.train(ready)


# Repairs that change something else


@hunt_fp16_crawl.wrong(PLANTED)
@_of_inputs
def planted(r: Run) -> Trained:
    return r.planted()


LARGER_RATE = "the learning rate was made larger: the steps still have one length, whatever the gradient is"


@hunt_fp16_crawl.wrong(LARGER_RATE)
@_of_inputs
def rate_times_10(r: Run) -> Trained:
    return r._replace(lr=10 * r.lr).planted()


@hunt_fp16_crawl.wrong(LARGER_RATE)
@_of_inputs
def rate_times_1000(r: Run) -> Trained:
    return r._replace(lr=1000 * r.lr).planted()


@hunt_fp16_crawl.wrong(
    "max_norm was made a hundred times larger: it is still compared with a norm that the scale makes too large"
)
@_of_inputs
def larger_max_norm(r: Run) -> Trained:
    return r._replace(max_norm=100 * r.max_norm).planted()


@hunt_fp16_crawl.wrong(
    "max_norm was multiplied by 65,536, the scale of a new run: a run may start with another one, or halve it"
)
@_of_inputs
def max_norm_of_the_first_scale(r: Run) -> Trained:
    return r._replace(max_norm=65536 * r.max_norm).planted()


@hunt_fp16_crawl.wrong(
    "the loss scale was made smaller: the steps are longer, but the scale still decides how long they are"
)
@_of_inputs
def smaller_scale(r: Run) -> Trained:
    return r._replace(scale=r.scale / 64).planted()


@hunt_fp16_crawl.wrong("the loss scale was made larger: the gradients were not too small, and the steps get shorter")
@_of_inputs
def larger_scale(r: Run) -> Trained:
    return r._replace(scale=16 * r.scale).planted()


@hunt_fp16_crawl.wrong("the loss scale was taken out: fp16 rounds the small gradients to 0")
@_of_inputs
def no_scale(r: Run) -> Trained:
    return r._replace(scale=1.0).planted()


@hunt_fp16_crawl.wrong("the clipping was taken out: one bad batch now takes a step of any length")
@_of_inputs
def not_clipped(r: Run) -> Trained:
    return r.train(lambda grads, scale, max_norm: [g / scale for g in grads])


# Repairs that mend half of it


@hunt_fp16_crawl.wrong("the gradients are not divided by the scale at all: every step has the length lr · max_norm")
@_of_inputs
def not_unscaled(r: Run) -> Trained:
    return r.train(lambda grads, scale, max_norm: clip(grads, max_norm))


@hunt_fp16_crawl.wrong("the gradients were divided by the scale before the clipping and after it: once is enough")
@_of_inputs
def unscaled_twice(r: Run) -> Trained:
    return r.train(lambda grads, scale, max_norm: [g / scale for g in clip([g / scale for g in grads], max_norm)])


@hunt_fp16_crawl.wrong("only the norm was divided by the scale: the gradients are still too large by the scale")
@_of_inputs
def norm_unscaled(r: Run) -> Trained:
    def ready(grads: list[Tensor], scale: float, max_norm: float) -> list[Tensor]:
        norm = clip_by_global_norm(grads, max_norm)[1] / scale
        return [g * min(1.0, max_norm / norm) for g in grads] if norm else grads

    return r.train(ready)


@hunt_fp16_crawl.wrong("the gradients were divided by the scale in fp16: the small ones are 0 again")
@_of_inputs
def unscaled_in_fp16(r: Run) -> Trained:
    return r.train(lambda grads, scale, max_norm: clip([(g.half() / scale).float() for g in grads], max_norm))


@hunt_fp16_crawl.wrong("each tensor was clipped by its own norm: the contract has one norm for all tensors")
@_of_inputs
def clipped_alone(r: Run) -> Trained:
    return r.train(lambda grads, scale, max_norm: [clip([g / scale], max_norm)[0] for g in grads])


@hunt_fp16_crawl.wrong("a step with a norm above max_norm was skipped: it has to be clipped")
@_of_inputs
def skipped_when_large(r: Run) -> Trained:
    def ready(grads: list[Tensor], scale: float, max_norm: float) -> list[Tensor]:
        norm = clip_by_global_norm(grads, max_norm)[1] / scale
        return [g / scale if norm <= max_norm else torch.zeros_like(g) for g in grads]

    return r.train(ready)


@hunt_fp16_crawl.symptom("mean loss of the last 10 of 60 steps, in nats an example")
def symptom(run: Callable[..., Trained], seed: int) -> Symptom:
    """Four classes of points around four centers, 16 points a step, and a network with 16 hidden units."""
    g = torch.Generator().manual_seed(seed)
    centers = torch.randn(4, 8, generator=g)
    targets = torch.randint(0, 4, (60, 16), generator=g)
    x = centers[targets] + 0.5 * torch.randn(60, 16, 8, generator=g)
    weights = {"up": torch.randn(16, 8, generator=g) / math.sqrt(8), "down": torch.randn(4, 16, generator=g) / 4}
    losses = run(x.half(), targets, weights, 0.1)[0]
    return Symptom(losses[-10:].mean().item(), (Curve("Training", tuple(losses.tolist())),))
