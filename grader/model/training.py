"""The training loop on the functions of the koans: windows of text, loss, gradients, one step after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grader.model.figures import Plan as Plan
from grader.model.figures import Step as Step
from grader.model.forward import Model
from grader.model.functions import Functions
from grader.model.weights import Config, Weights, shapes


@dataclass
class State:
    """All that the next step depends on."""

    params: Weights
    m: Weights
    v: Weights
    step: int
    order: list[int]  # the places in the text at which windows still begin, the next one first
    generator: torch.Generator

    def saved(self) -> dict[str, Any]:
        """What a checkpoint holds, as `checkpoint` wants it."""
        rng = self.generator.get_state()
        return {"params": self.params, "m": self.m, "v": self.v, "step": self.step, "order": self.order, "rng": rng}


def restored(saved: dict[str, Any]) -> State:
    """The state that a checkpoint holds."""
    generator = torch.Generator()
    generator.set_state(saved["rng"])
    return State(saved["params"], saved["m"], saved["v"], saved["step"], saved["order"], generator)


def initial(functions: Functions, config: Config, seed: int) -> State:
    """Random weights of the sizes that `init_std` gives; gains are 1."""
    generator = torch.Generator().manual_seed(seed)
    sizes = shapes(config)
    stds = functions.init_std(sizes, config.num_hidden_layers)
    params = {
        name: torch.ones(shape) if len(shape) == 1 else torch.randn(shape, generator=generator) * stds[name]
        for name, shape in sizes.items()
    }
    zeros = {name: torch.zeros(shape) for name, shape in sizes.items()}
    return State(params, zeros, dict(zeros), 0, [], generator)


def steps(functions: Functions, config: Config, tokens: Tensor, plan: Plan, state: State) -> Iterator[Step]:
    """Train from the state on to the plan's last step. The state changes with each step that is yielded."""
    names = list(shapes(config))
    while state.step < plan.steps:
        leaves = {name: state.params[name].detach().requires_grad_() for name in names}
        model = Model(functions, config, leaves)
        micro, counts, losses = [], [], []
        for length in plan.lengths:
            ids, targets = functions.get_batch(tokens, _starts(state, len(tokens), plan, length), length)
            logits = model.logits(ids, route=plan.route)
            loss = functions.cross_entropy(logits.flatten(0, 1), targets.flatten())
            grads = torch.autograd.grad(loss, [leaves[name] for name in names], allow_unused=True)
            micro.append(
                {n: torch.zeros_like(leaves[n]) if g is None else g for n, g in zip(names, grads, strict=True)}
            )
            counts.append(targets.numel())
            losses.append(float(loss.detach()))
        state.params, state.m, state.v, report = functions.train_step(
            {name: leaf.detach() for name, leaf in leaves.items()},
            state.m,
            state.v,
            micro,
            counts,
            state.step,
            plan.peak,
            min(plan.warmup, plan.steps),
            plan.steps,
            max_norm=plan.max_norm,
            decay=plan.decay,
        )
        state.step += 1
        mean = sum(loss * n for loss, n in zip(losses, counts, strict=True)) / sum(counts)
        yield Step(state.step, mean, report["lr"], report["norm"], sum(counts))


def _starts(state: State, n: int, plan: Plan, length: int) -> list[int]:
    """Where the next windows begin. Each pass over the text begins at another place and has another order."""
    longest = max(plan.lengths)
    starts: list[int] = []
    while len(starts) < plan.rows:
        if not state.order:
            offset = int(torch.randint(longest, (), generator=state.generator))
            places = torch.arange(offset, n - longest, longest)
            state.order = places[torch.randperm(len(places), generator=state.generator)].tolist()
        starts.append(state.order.pop())
    return starts
