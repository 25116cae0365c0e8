"""Batch by batch: one loss of all windows of a batch, one gradient, one step. The variants take other rates."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reference import PLANTED, oracle
from reference.ch04_optimization.warmup_cosine import warmup_cosine
from reference.ch15_model.model_logits import model_logits
from reference.symptom import Curve, Symptom
from reference.tiny import HEADS, KV_HEADS, corpus
from reference.tiny import weights as tiny_weights

Tensors = dict[str, Tensor]
Run = tuple[Tensor, Tensor]
Rate = Callable[[int, int, float, int, int], float]  # of a step's number, per_step, peak, warmup, total


def _loss(ids: Tensor, weights: Tensors, heads: int, kv_heads: int) -> Tensor:
    logits = model_logits(ids, weights, heads, kv_heads)
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


def _trained(
    stream: list[Tensor],
    held_out: Tensor,
    per_step: int,
    weights: Tensors,
    heads: int,
    kv_heads: int,
    peak: float,
    warmup: int,
    *,
    rate: Rate,
) -> Run:
    total = len(stream) // per_step
    params, velocity = dict(weights), dict.fromkeys(weights, torch.zeros(()))
    losses = []
    for step in range(total):
        leaves = {name: w.detach().requires_grad_() for name, w in params.items()}
        loss = _loss(torch.cat(stream[step * per_step : (step + 1) * per_step]), leaves, heads, kv_heads)
        for name, grad in zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True):
            velocity[name] = 0.9 * velocity[name] + grad
            params[name] = params[name] - rate(step, per_step, peak, warmup, total) * velocity[name]
        losses.append(loss.detach())
    return torch.stack(losses), _loss(held_out, params, heads, kv_heads)


def _by_batch(step: int, per_step: int, peak: float, warmup: int, total: int) -> float:
    return warmup_cosine(step, peak, warmup, total)


@oracle
def hunt_early_stop(
    stream: list[Tensor],
    held_out: Tensor,
    per_step: int,
    weights: Tensors,
    heads: int,
    kv_heads: int,
    peak: float,
    warmup: int,
) -> Run:
    return _trained(stream, held_out, per_step, weights, heads, kv_heads, peak, warmup, rate=_by_batch)


def _last(step: int, per_step: int) -> int:
    """The number of the step's last micro-batch, from 0."""
    return step * per_step + per_step - 1


@hunt_early_stop.right("the rates of all steps, listed before the run")
def listed(*args: Any) -> Run:
    total = len(args[0]) // args[2]
    rates = [warmup_cosine(step, args[6], args[7], total) for step in range(total)]
    return _trained(*args, rate=lambda step, per_step, peak, warmup, total: rates[step])


@hunt_early_stop.right("the steps that are left, counted down")
def counted_down(*args: Any) -> Run:
    left = len(args[0]) // args[2]

    def run_rate(step: int, per_step: int, peak: float, warmup: int, total: int) -> float:
        return warmup_cosine(total - (left - step), peak, warmup, total)

    return _trained(*args, rate=run_rate)


@hunt_early_stop.right("the number of the last micro-batch, divided by the micro-batches of a step")
def divided(*args: Any) -> Run:
    return _trained(*args, rate=lambda step, k, *schedule: warmup_cosine(_last(step, k) // k, *schedule))


@hunt_early_stop.wrong(PLANTED)
def planted(*args: Any) -> Run:
    return _trained(*args, rate=lambda step, k, *schedule: warmup_cosine(_last(step, k), *schedule))


@hunt_early_stop.wrong("the number of the step's first micro-batch was used: the schedule still counts micro-batches")
def first_micro_batch(*args: Any) -> Run:
    return _trained(*args, rate=lambda step, k, *schedule: warmup_cosine(step * k, *schedule))


@hunt_early_stop.wrong("the schedule was made as long as the stream, but not its warmup: that one still ends early")
def only_the_total(*args: Any) -> Run:
    def rate(step: int, k: int, peak: float, warmup: int, total: int) -> float:
        return warmup_cosine(_last(step, k), peak, warmup, total * k)

    return _trained(*args, rate=rate)


@hunt_early_stop.wrong("the whole schedule was stretched to micro-batches: a step then gets the rate of its last one")
def stretched(*args: Any) -> Run:
    def rate(step: int, k: int, peak: float, warmup: int, total: int) -> float:
        return warmup_cosine(_last(step, k), peak, warmup * k, total * k)

    return _trained(*args, rate=rate)


@hunt_early_stop.wrong("the schedule is one step ahead: the first step has the number 0")
def one_ahead(*args: Any) -> Run:
    return _trained(*args, rate=lambda step, k, *schedule: warmup_cosine(step + 1, *schedule))


@hunt_early_stop.wrong("the learning rate always was the peak: it no longer falls too early, because it never falls")
def constant(*args: Any) -> Run:
    return _trained(*args, rate=lambda step, k, peak, warmup, total: peak)


@hunt_early_stop.wrong("the peak was raised: the first steps are larger, and learning ends at the same step")
def higher_peak(*args: Any) -> Run:
    def rate(step: int, k: int, peak: float, warmup: int, total: int) -> float:
        return warmup_cosine(_last(step, k), k * peak, warmup, total)

    return _trained(*args, rate=rate)


@hunt_early_stop.wrong(
    "the rate got a floor: the run creeps on after the end of its schedule, which is still too early"
)
def with_a_floor(*args: Any) -> Run:
    def rate(step: int, k: int, peak: float, warmup: int, total: int) -> float:
        return warmup_cosine(_last(step, k), peak, warmup, total, 0.1 * peak)

    return _trained(*args, rate=rate)


@hunt_early_stop.wrong("the rate was kept from falling below a limit: the schedule still ends too early")
def kept_above_a_limit(*args: Any) -> Run:
    def rate(step: int, k: int, peak: float, warmup: int, total: int) -> float:
        return max(warmup_cosine(_last(step, k), peak, warmup, total), 0.1 * peak)

    return _trained(*args, rate=rate)


@hunt_early_stop.wrong("the warmup was removed: it only delays the start, and the end is still too early")
def without_warmup(*args: Any) -> Run:
    return _trained(*args, rate=lambda step, k, peak, warmup, total: warmup_cosine(_last(step, k), peak, 0, total))


@hunt_early_stop.wrong(
    "every micro-batch got a step of its own: the schedule fits again, and the batches are too small"
)
def step_for_each(stream: list[Tensor], held_out: Tensor, per_step: int, weights: Tensors, *rest: Any) -> Run:
    used = stream[: len(stream) // per_step * per_step]
    losses, final = _trained(used, held_out, 1, weights, *rest, rate=_by_batch)
    return losses.reshape(-1, per_step).mean(1), final


@hunt_early_stop.symptom("loss of held-out text after the run, in nats a token")
def symptom(run: Callable[..., Run], seed: int) -> Symptom:
    ids = corpus(seed, 21 * 4 * 64).reshape(-1, 4, 16)
    stream, held_out = list(ids[:80]), ids[80:84].flatten(0, 1)
    weights = tiny_weights(seed, width=16, layers=1, std=0.1)
    losses, final = run(stream, held_out, 4, weights, HEADS, KV_HEADS, 0.3, 2)
    return Symptom(float(final), (Curve("training loss", tuple(losses.tolist())),))
