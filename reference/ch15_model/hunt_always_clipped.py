"""The loss of a whole batch is one number with one gradient. The variants combine the parts of a batch otherwise."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reference import PLANTED, oracle
from reference.ch04_optimization.adamw_step import adamw_step
from reference.ch15_model.accumulate_gradients import accumulate_gradients
from reference.ch15_model.model_logits import model_logits
from reference.symptom import Curve, Histogram, Symptom
from reference.tiny import HEADS, KV_HEADS, corpus
from reference.tiny import weights as tiny_weights

Tensors = dict[str, Tensor]
Batch = list[Tensor]
Log = dict[str, Tensor]
Gradient = Callable[[Tensors, Batch, int, int], Tensors]  # of leaves, micro-batches, heads, kv_heads


def _sum_of_losses(leaves: Tensors, ids: Tensor, heads: int, kv_heads: int) -> Tensor:
    logits = model_logits(ids, leaves, heads, kv_heads)
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), reduction="sum")


def _count(ids: Tensor) -> int:
    """The number of predictions."""
    return len(ids) * (ids.shape[1] - 1)


def _loss(leaves: Tensors, batch: Batch, heads: int, kv_heads: int) -> Tensor:
    """The mean loss of a batch."""
    parts = [_sum_of_losses(leaves, ids, heads, kv_heads) for ids in batch]
    return torch.stack(parts).sum() / sum(map(_count, batch))


def _grad(loss: Tensor, leaves: Tensors) -> Tensors:
    return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))


def _norm(grads: Tensors) -> Tensor:
    return torch.cat([g.flatten() for g in grads.values()]).square().sum().sqrt()


def _clipped(grads: Tensors, max_norm: float) -> Tensors:
    norm = _norm(grads)
    return {name: g * (max_norm / norm) for name, g in grads.items()} if norm > max_norm else grads


def _whole(leaves: Tensors, batch: Batch, heads: int, kv_heads: int) -> Tensors:
    return _grad(_loss(leaves, batch, heads, kv_heads), leaves)


def _trained(
    batches: list[Batch],
    weights: Tensors,
    heads: int,
    kv_heads: int,
    rate: float,
    max_norm: float,
    *,
    gradient: Gradient | None = None,
    limit: Callable[[Batch], float] = lambda batch: 1.0,
    logged: Callable[[Batch], float] = lambda batch: 1.0,
    used: Callable[[Batch], float] = lambda batch: 1.0,
    rates: float = 1.0,
) -> Log:
    """The log of a run. The other arguments are what a variant does: its gradient, and factors for the limit of
    clipping, for the norm that is logged, for the gradient after clipping, and for the learning rate."""
    params, zero = dict(weights), {name: torch.zeros_like(w) for name, w in weights.items()}
    m, v = dict(zero), dict(zero)
    losses, norms, moved = [], [], []
    for step, batch in enumerate(batches):
        leaves = {name: w.detach().requires_grad_() for name, w in params.items()}
        loss = _loss(leaves, batch, heads, kv_heads)
        losses.append(loss.detach())
        grads = gradient(leaves, batch, heads, kv_heads) if gradient else _grad(loss, leaves)
        norms.append(_norm(grads) * logged(batch))
        short = {name: g * used(batch) for name, g in _clipped(grads, max_norm * limit(batch)).items()}
        before = dict(params)
        for name, g in short.items():
            params[name], m[name], v[name] = adamw_step(
                *(params[name], g, m[name], v[name], step + 1), lr=rate * rates, decay=0.0
            )
        moved.append(_norm({name: p - before[name] for name, p in params.items()}))
    return {"loss": torch.stack(losses), "norm": torch.stack(norms), "moved": torch.stack(moved)}


@oracle
def hunt_always_clipped(
    batches: list[Batch], weights: Tensors, heads: int, kv_heads: int, rate: float, max_norm: float
) -> Log:
    return _trained(batches, weights, heads, kv_heads, rate, max_norm)


def _summed(share: Callable[[Tensor, Batch], float]) -> Gradient:
    """The sum of the gradients of the mean losses, each times its share."""

    def gradient(leaves: Tensors, batch: Batch, heads: int, kv_heads: int) -> Tensors:
        parts = [share(ids, batch) * _sum_of_losses(leaves, ids, heads, kv_heads) / _count(ids) for ids in batch]
        return _grad(torch.stack(parts).sum(), leaves)

    return gradient


_all = _summed(lambda ids, batch: 1.0)


@hunt_always_clipped.right("the gradients of the micro-batches, weighted by their predictions")
def earlier_koan(*args: Any) -> Log:
    def gradient(leaves: Tensors, batch: Batch, heads: int, kv_heads: int) -> Tensors:
        micro = [_whole(leaves, [ids], heads, kv_heads) for ids in batch]
        return accumulate_gradients(micro, [_count(ids) for ids in batch])

    return _trained(*args, gradient=gradient)


@hunt_always_clipped.right("the loss of each micro-batch times its share of the predictions")
def shares(*args: Any) -> Log:
    return _trained(*args, gradient=_summed(lambda ids, batch: _count(ids) / sum(map(_count, batch))))


@hunt_always_clipped.right("the sums of losses, and one division of the gradient before clipping")
def divided_once(*args: Any) -> Log:
    def gradient(leaves: Tensors, batch: Batch, heads: int, kv_heads: int) -> Tensors:
        parts = [_grad(_sum_of_losses(leaves, ids, heads, kv_heads), leaves) for ids in batch]
        return {name: torch.stack([g[name] for g in parts]).sum(0) / sum(map(_count, batch)) for name in leaves}

    return _trained(*args, gradient=gradient)


@hunt_always_clipped.wrong(PLANTED)
def planted(*args: Any) -> Log:
    return _trained(*args, gradient=_all)


@hunt_always_clipped.wrong(
    "the loss was divided by the number of micro-batches: their numbers of predictions differ, so weight by those"
)
def mean_of_means(*args: Any) -> Log:
    return _trained(*args, gradient=_summed(lambda ids, batch: 1 / len(batch)))


@hunt_always_clipped.wrong("the share was divided by the number of micro-batches too: the shares already add up to 1")
def divided_twice(*args: Any) -> Log:
    return _trained(*args, gradient=_summed(lambda ids, batch: _count(ids) / sum(map(_count, batch)) / len(batch)))


@hunt_always_clipped.wrong("the losses of all predictions were added: the gradient is now even larger")
def sum_of_all(*args: Any) -> Log:
    return _trained(*args, gradient=_summed(lambda ids, batch: _count(ids)))


@hunt_always_clipped.wrong(
    "the limit was raised by the number of micro-batches: the norm in the log is still too large"
)
def higher_limit(*args: Any) -> Log:
    return _trained(*args, gradient=_all, limit=len)


@hunt_always_clipped.wrong("clipping was removed: it was right, and the gradient that it gets is too large")
def not_clipped(*args: Any) -> Log:
    return _trained(*args, gradient=_all, limit=lambda batch: math.inf)


@hunt_always_clipped.wrong("only the norm in the log was divided: clipping still gets the gradient that is too large")
def only_the_log(*args: Any) -> Log:
    return _trained(*args, gradient=_all, logged=lambda batch: 1 / len(batch))


@hunt_always_clipped.wrong("the gradient was divided after the clipping: clipping still gets the one that is too large")
def divided_after(*args: Any) -> Log:
    return _trained(*args, gradient=_all, used=lambda batch: 1 / len(batch))


@hunt_always_clipped.wrong(
    "gradient and norm were divided after the clipping: clipping still gets the gradient that is too large"
)
def both_divided_after(*args: Any) -> Log:
    def fewer(batch: Batch) -> float:
        return 1 / len(batch)

    return _trained(*args, gradient=_all, logged=fewer, used=fewer)


@hunt_always_clipped.wrong("the learning rate was lowered: AdamW takes smaller steps, and every step is still clipped")
def lower_rate(*args: Any) -> Log:
    return _trained(*args, gradient=_all, rates=0.25)


@hunt_always_clipped.wrong("each micro-batch was clipped for itself: this changes the direction of the gradient")
def clipped_alone(*args: Any) -> Log:
    max_norm = args[5]

    def gradient(leaves: Tensors, batch: Batch, heads: int, kv_heads: int) -> Tensors:
        parts = [_clipped(_whole(leaves, [ids], heads, kv_heads), max_norm) for ids in batch]
        return accumulate_gradients(parts, [_count(ids) for ids in batch])

    return _trained(*args, gradient=gradient)


@hunt_always_clipped.wrong(
    "the gradients were set to zero after each micro-batch: only the last one belongs to the step"
)
def last_only(*args: Any) -> Log:
    return _trained(*args, gradient=lambda leaves, batch, heads, kv_heads: _whole(leaves, batch[-1:], heads, kv_heads))


LIMIT = 2.0


@hunt_always_clipped.symptom("steps in which the gradient was clipped, in percent")
def symptom(run: Callable[..., Log], seed: int) -> Symptom:
    ids, batches = iter(corpus(seed, 30 * 112)), []
    for _ in range(30):
        batch = []
        for rows, length in ((3, 16), (2, 16), (2, 8), (2, 8)):
            batch.append(torch.stack([next(ids) for _ in range(rows * length)]).reshape(rows, length))
        batches.append(batch)
    log = run(batches, tiny_weights(seed, width=16, layers=1), HEADS, KV_HEADS, 0.02, LIMIT)
    norms = tuple(log["norm"].tolist())
    share = 100 * sum(norm > LIMIT for norm in norms) / len(norms)
    return Symptom(
        share,
        (
            Curve("training loss", tuple(log["loss"].tolist())),
            Histogram(f"norm of the gradient (the limit is {LIMIT})", norms, x="norm"),
        ),
    )
