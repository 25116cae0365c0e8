"""Learning stops long before the end

A run of many steps learns quickly at first. Then its loss stays where it is, far too high, although the text has much
more to teach. The data are the same for the whole run. Find the mistake.
"""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from exercises.ch04_optimization.sgd_momentum_step import sgd_momentum_step
from exercises.ch04_optimization.warmup_cosine import warmup_cosine
from exercises.ch08_block.next_token_loss import next_token_loss
from exercises.ch15_model.accumulate_gradients import accumulate_gradients
from exercises.ch15_model.model_logits import model_logits

Tensors = dict[str, Float32[Tensor, "..."]]


def hunt_early_stop(
    stream: list[Int64[Tensor, "b n"]],
    held_out: Int64[Tensor, "b n"],
    per_step: int,
    weights: Tensors,
    heads: int,
    kv_heads: int,
    peak: float,
    warmup: int,
) -> tuple[Float32[Tensor, " steps"], Float32[Tensor, ""]]:
    """(losses, final) of a run over a stream of micro-batches, all of one shape.

    Each `per_step` micro-batches in a row make one batch, and each batch makes one step. Micro-batches at the end that
    make no whole batch are not used. A step takes the mean of the gradients of its micro-batches, and moves the weights
    by SGD with momentum 0.9. Its learning rate comes from `warmup_cosine`: it rises for `warmup` steps to `peak`, and
    then falls to 0 over the other steps of the run.

    losses[i] is the mean loss of the micro-batches of step i before its update, in nats. `final` is the loss of
    `held_out` after the last step. All losses are losses of the next token. The inputs are not changed.
    """
    total = len(stream) // per_step
    params = dict(weights)
    velocity = {name: torch.zeros_like(w) for name, w in weights.items()}
    held: list[Tensors] = []  # gradients that wait for their step
    waiting, losses = [], []
    for number, ids in enumerate(stream[: total * per_step]):
        leaves = {name: w.detach().requires_grad_() for name, w in params.items()}
        loss = next_token_loss(model_logits(ids, leaves, heads, kv_heads), ids)
        held.append(dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True)))
        waiting.append(loss.detach())
        if len(held) < per_step:
            continue
        rate = warmup_cosine(number, peak, warmup, total)
        grads = accumulate_gradients(held, [ids.numel()] * per_step)
        for name, w in params.items():
            params[name], velocity[name] = sgd_momentum_step(w, grads[name], velocity[name], rate)
        losses.append(torch.stack(waiting).mean())
        held, waiting = [], []
    return torch.stack(losses), next_token_loss(model_logits(held_out, params, heads, kv_heads), held_out)
