"""The windows of all ranks at once, as one batch. The variants draw other windows, or combine them otherwise."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reference import PLANTED, oracle
from reference.ch04_optimization.adamw_step import adamw_step
from reference.ch15_model.model_logits import model_logits
from reference.symptom import Curve, Symptom
from reference.tiny import HEADS, KV_HEADS, corpus
from reference.tiny import weights as tiny_weights

Tensors = dict[str, Tensor]
Run = tuple[Tensor, Tensors]
States = list[Tensor]
Drawn = tuple[Tensor, Tensor]  # starts (rows,) and inputs that are kept (rows, length), of one rank
Draw = Callable[[], list[Drawn]]  # what all ranks draw in a step
Shape = tuple[int, int, int, int]  # starts to choose from, rows, length, drop


def _generator(state: Tensor) -> torch.Generator:
    generator = torch.Generator()
    generator.set_state(state)
    return generator


def _starts(generator: torch.Generator, shape: Shape) -> Tensor:
    return torch.randint(shape[0], (shape[1],), generator=generator)


def _kept(generator: torch.Generator, shape: Shape) -> Tensor:
    return torch.randint(shape[3], (shape[1], shape[2]), generator=generator) > 0


def _each(generators: list[torch.Generator], shape: Shape) -> Draw:
    """Every rank draws from its generator: first the starts, then what is kept."""
    return lambda: [(_starts(generator, shape), _kept(generator, shape)) for generator in generators]


def _by_state(states: States, shape: Shape) -> Draw:
    return _each([_generator(state) for state in states], shape)


def _resumed(
    saved: dict[str, Any],
    tokens: Tensor,
    heads: int,
    kv_heads: int,
    rows: int,
    length: int,
    drop: int,
    steps: int,
    rate: float,
    *,
    draws: Callable[[States, Shape], Draw] = _by_state,
    rates: float = 1.0,
    scale: float = 1.0,
) -> Run:
    """The run, with these draws, and with `rates` times the learning rate and `scale` times the gradient."""
    params, m, v = (dict(saved[name]) for name in ("params", "m", "v"))
    draw = draws(saved["rng"], (len(tokens) - length, rows, length, drop))
    losses = []
    for step in range(steps):
        drawn = draw()
        places = torch.cat([starts for starts, _ in drawn]).unsqueeze(1) + torch.arange(length)
        kept = torch.cat([kept for _, kept in drawn])
        leaves = {name: w.detach().requires_grad_() for name, w in params.items()}
        logits = model_logits(tokens[places] * kept, leaves, heads, kv_heads)
        loss = functional.cross_entropy(logits.flatten(0, 1), tokens[places + 1].flatten())
        losses.append(loss.detach())
        for name, grad in zip(leaves, torch.autograd.grad(scale * loss, list(leaves.values())), strict=True):
            params[name], m[name], v[name] = adamw_step(
                *(params[name], grad, m[name], v[name], saved["step"] + step + 1), lr=rates * rate, decay=0.0
            )
    return torch.stack(losses), params


@oracle
def hunt_idle_ranks(
    saved: dict[str, Any],
    tokens: Tensor,
    heads: int,
    kv_heads: int,
    rows: int,
    length: int,
    drop: int,
    steps: int,
    rate: float,
) -> Run:
    return _resumed(saved, tokens, heads, kv_heads, rows, length, drop, steps, rate)


@hunt_idle_ranks.right("the states of the ranks, each copied into a generator of its own")
def cloned(*args: Any) -> Run:
    def draws(states: States, shape: Shape) -> Draw:
        return _each([_generator(state.clone()) for state in states], shape)

    return _resumed(*args, draws=draws)


@hunt_idle_ranks.right("one generator, which takes each rank's state in turn and gives it back")
def one_after_another(*args: Any) -> Run:
    def draws(states: States, shape: Shape) -> Draw:
        generator, current = torch.Generator(), list(states)

        def draw() -> list[Drawn]:
            drawn = []
            for rank, state in enumerate(current):
                generator.set_state(state)
                drawn.append((_starts(generator, shape), _kept(generator, shape)))
                current[rank] = generator.get_state()
            return drawn

        return draw

    return _resumed(*args, draws=draws)


@hunt_idle_ranks.right("the ranks in another order: the mean does not depend on it")
def backward(*args: Any) -> Run:
    return _resumed(*args, draws=lambda states, shape: _by_state(states[::-1], shape))


def _first(states: States, shape: Shape) -> Draw:
    return _by_state([states[0]] * len(states), shape)


@hunt_idle_ranks.wrong(PLANTED)
def planted(*args: Any) -> Run:
    return _resumed(*args, draws=_first)


@hunt_idle_ranks.wrong("each rank has its windows now, but all of them still drop the same inputs")
def same_dropout(*args: Any) -> Run:
    def draws(states: States, shape: Shape) -> Draw:
        own, first = _by_state(states, shape), _first(states, shape)
        return lambda: [(starts, kept) for (starts, _), (_, kept) in zip(own(), first(), strict=True)]

    return _resumed(*args, draws=draws)


@hunt_idle_ranks.wrong("each rank drops other inputs now, but all of them still read the same windows")
def same_windows(*args: Any) -> Run:
    def draws(states: States, shape: Shape) -> Draw:
        own, first = _by_state(states, shape), _first(states, shape)
        return lambda: [(starts, kept) for (starts, _), (_, kept) in zip(first(), own(), strict=True)]

    return _resumed(*args, draws=draws)


@hunt_idle_ranks.wrong("the ranks got new seeds: they differ again, but this is not the run that was saved")
def new_seeds(*args: Any) -> Run:
    def draws(states: States, shape: Shape) -> Draw:
        return _each([torch.Generator().manual_seed(rank) for rank in range(len(states))], shape)

    return _resumed(*args, draws=draws)


@hunt_idle_ranks.wrong(
    "the ranks got seeds that follow the seed of the first state: they differ, but this is not the run that was saved"
)
def seeds_after_the_first(*args: Any) -> Run:
    def draws(states: States, shape: Shape) -> Draw:
        seed = _generator(states[0]).initial_seed()
        return _each([torch.Generator().manual_seed(seed + rank) for rank in range(len(states))], shape)

    return _resumed(*args, draws=draws)


@hunt_idle_ranks.wrong("all ranks draw in turn from one generator: they differ, but each has a saved state of its own")
def one_stream(*args: Any) -> Run:
    return _resumed(*args, draws=lambda states, shape: _each([_generator(states[0])] * len(states), shape))


@hunt_idle_ranks.wrong("the windows of rank r begin r places later: they overlap almost wholly and teach the same")
def moved_windows(*args: Any) -> Run:
    def draws(states: States, shape: Shape) -> Draw:
        first = _first(states, shape)
        return lambda: [((starts + rank) % shape[0], kept) for rank, (starts, kept) in enumerate(first())]

    return _resumed(*args, draws=draws)


@hunt_idle_ranks.wrong("the states were restored in each step: every step draws the windows of the first one")
def restored_each_step(*args: Any) -> Run:
    return _resumed(*args, draws=lambda states, shape: lambda: _by_state(states, shape)())


@hunt_idle_ranks.wrong("the last rank's state went to every rank: they still read the same text, only another one")
def last_state(*args: Any) -> Run:
    return _resumed(*args, draws=lambda states, shape: _by_state([states[-1]] * len(states), shape))


@hunt_idle_ranks.wrong("the learning rate was lowered: the loss is smoother, and all ranks still read the same text")
def lower_rate(*args: Any) -> Run:
    return _resumed(*args, draws=_first, rates=0.25)


@hunt_idle_ranks.wrong("the gradients of the ranks were added: AdamW hides the factor, and the text is still the same")
def summed(*args: Any) -> Run:
    return _resumed(*args, draws=_first, scale=len(args[0]["rng"]))


RANKS, STEPS, BEFORE = 8, 30, 200


def _running(seed: int) -> States:
    """The states of generators that have drawn for BEFORE steps."""
    states = []
    for rank in range(RANKS):
        generator = torch.Generator().manual_seed(1000 * seed + 37 * rank + 11)
        torch.randint(9, (13 * BEFORE,), generator=generator)
        states.append(generator.get_state())
    return states


@hunt_idle_ranks.symptom("typical jump of the loss from one step to the next, in nats a token")
def symptom(run: Callable[..., Run], seed: int) -> Symptom:
    params = tiny_weights(seed, width=16, layers=1)
    m = {name: torch.zeros_like(w) for name, w in params.items()}
    v = {name: torch.full_like(w, 1e-3) for name, w in params.items()}
    saved = {"params": params, "m": m, "v": v, "step": BEFORE, "rng": _running(seed)}
    losses, _ = run(saved, corpus(seed, 4000), HEADS, KV_HEADS, 1, 12, 10, STEPS, 0.02)
    jumps = losses.diff()[STEPS // 4 :].abs()
    return Symptom(float(jumps.mean()), (Curve(f"training loss of {RANKS} ranks", tuple(losses.tolist())),))
