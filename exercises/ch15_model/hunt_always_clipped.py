"""Every step is clipped

The batch of this run does not fit into memory, so it comes in micro-batches. The model learns. But its log
says that every step is clipped, and a run with one large batch was hardly ever clipped. Find the mistake.
"""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from exercises.ch04_optimization.adamw_step import adamw_step
from exercises.ch04_optimization.clip_by_global_norm import clip_by_global_norm
from exercises.ch08_block.next_token_loss import next_token_loss
from exercises.ch15_model.model_logits import model_logits

Tensors = dict[str, Float32[Tensor, "..."]]


def hunt_always_clipped(
    batches: list[list[Int64[Tensor, "b n"]]],
    weights: Tensors,
    heads: int,
    kv_heads: int,
    rate: float,
    max_norm: float,
) -> dict[str, Float32[Tensor, " steps"]]:
    """{"loss": ..., "norm": ..., "moved": ...}: the log of a training run, one value for each step.

    `batches` has the micro-batches of each step. A micro-batch holds whole windows of ids, and the number and the
    length of its windows may differ from one to the next. A window of n ids has n - 1 predictions.

    A step does what it would do with the whole batch at once. "loss" is the mean over all predictions of the batch,
    before the update. "norm" is the norm of the gradient of this loss, all weights together. The gradient is clipped
    to `max_norm`, and each weight takes a step of AdamW with the learning rate `rate` and without decay. "moved" is the
    norm of the change of all weights together. The inputs are not changed.
    """
    params = {name: w.clone().requires_grad_() for name, w in weights.items()}
    m = {name: torch.zeros_like(w) for name, w in weights.items()}
    v = dict(m)
    log: dict[str, list[Tensor]] = {"loss": [], "norm": [], "moved": []}
    for step, batch in enumerate(batches, 1):
        predictions = [ids[:, 1:].numel() for ids in batch]
        mean = torch.zeros(())
        for ids, count in zip(batch, predictions, strict=True):
            share = count / sum(predictions)
            loss = next_token_loss(model_logits(ids, params, heads, kv_heads), ids)
            mean = mean + share * loss.detach()
            loss.backward()
        grads, norm = clip_by_global_norm([p.grad for p in params.values()], max_norm)
        changes = []
        for (name, p), grad in zip(params.items(), grads, strict=True):
            new, m[name], v[name] = adamw_step(p.detach(), grad, m[name], v[name], step, lr=rate, decay=0.0)
            changes.append((new - p.detach()).flatten())
            params[name] = new.requires_grad_()
        log["loss"].append(mean)
        log["norm"].append(torch.tensor(norm))
        log["moved"].append(torch.cat(changes).norm())
    return {name: torch.stack(values) for name, values in log.items()}
