"""A jump where the run went on

A run was stopped, and went on from its checkpoint. It has the weights and the step number of the run before, and the
data comes in the right order. But the loss jumps after the restart, and it takes many steps to come back.
"""

from typing import Any

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from exercises.ch04_optimization.adam_step import adam_step
from exercises.ch08_block.next_token_loss import next_token_loss
from exercises.ch15_model.checkpoint import load, save

Run = dict[str, Any]
Weights = dict[str, Float32[Tensor, "..."]]


def begin(params: Weights, seed: int) -> Run:
    """A run before its first step, with the names that `save` asks for. `order` has the batches still to come."""
    moments = {key: {name: torch.zeros_like(p) for name, p in params.items()} for key in ("m", "v")}
    rng = torch.Generator().manual_seed(seed).get_state()
    return {"params": params, **moments, "step": 0, "order": [], "rng": rng}


def step(run: Run, batches: Int64[Tensor, "k b n"], lr: float) -> tuple[Run, Float32[Tensor, ""]]:
    """(the run after one step of Adam, the loss before it). When `order` is empty, a new one is drawn from `rng`."""
    rng = torch.Generator()
    rng.set_state(run["rng"])
    now, *later = run["order"] or torch.randperm(len(batches), generator=rng).tolist()
    leaves = {name: p.clone().requires_grad_() for name, p in run["params"].items()}
    hidden = torch.tanh(leaves["table"][batches[now]])
    loss = next_token_loss(hidden @ leaves["head"].T, batches[now])
    grads = torch.autograd.grad(loss, list(leaves.values()))
    t = run["step"] + 1
    after: Run = {"params": {}, "m": {}, "v": {}, "step": t, "order": later, "rng": rng.get_state()}
    for name, grad in zip(leaves, grads, strict=True):
        old = run["params"][name], grad, run["m"][name], run["v"][name]
        after["params"][name], after["m"][name], after["v"][name] = adam_step(*old, t, lr)
    return after, loss.detach()


def resume(data: bytes) -> Run:
    """The run whose checkpoint is `data`."""
    saved = load(data)
    run = begin(saved["params"], seed=0)
    ### BEGIN BUG
    run.update(saved)
    ### PLANTED
    # run.update(step=saved["step"], order=saved["order"], rng=saved["rng"])
    ### END BUG
    return run


def hunt_resume_spike(
    batches: Int64[Tensor, "k b n"], params: Weights, stop: int, steps: int, lr: float, seed: int
) -> tuple[Float32[Tensor, "steps"], Weights]:
    """(the loss before each step, the weights after the last step) of a run that stops after `stop` steps and goes on.

    `params` has "table", (v, d), and "head", (v, d): the logits after a token are head · tanh(its row of the table).
    Adam takes `steps` steps with betas (0.9, 0.999) and eps 1e-8. After the stop, only the checkpoint is left of the
    run so far: the second part starts from what `resume(save(run))` returns. Still, losses and weights are the same as
    without the stop. The inputs are not changed.
    """
    run, losses = begin(params, seed), []
    for number in range(steps):
        if number == stop:
            run = resume(save(run))
        run, loss = step(run, batches, lr)
        losses.append(loss)
    return torch.stack(losses), run["params"]
