"""Gradients by the chain rule, without autograd. The planted mistake and the repairs use autograd."""

import math
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import PLANTED, oracle
from reference.symptom import Counts, Curve, Symptom
from reference.tiny import VOCABULARY, corpus

Weights = dict[str, Tensor]
Run = tuple[Tensor, Tensor, Weights]
Masks = tuple[Tensor | float, Tensor | float]  # what the rows and the output of GELU are multiplied by


@oracle
def hunt_noisy_evaluation(
    weights: Weights, train: Tensor, held_out: Tensor, rate: float, steps: int, every: int, lr: float, seed: int
) -> Run:
    generator = torch.Generator().manual_seed(seed)
    losses, held = [], []
    for step in range(steps):
        if not step % every:
            held.append(_forward(weights, held_out, (1.0, 1.0))[0])
        shapes = _shapes(weights, train)
        masks = _mask(shapes[0], rate, generator), _mask(shapes[1], rate, generator)
        loss, grads = _backward(weights, train, masks)
        losses.append(loss)
        weights = {name: w - lr * grads[name] for name, w in weights.items()}
    return torch.stack(losses), torch.stack(held), weights


def _shapes(weights: Weights, ids: Tensor) -> tuple[tuple[int, int], tuple[int, int]]:
    """The shapes of the rows and of the output of GELU."""
    hidden, width = weights["in"].shape
    count = len(ids) - width // weights["table"].shape[1]
    return (count, width), (count, hidden)


def _mask(shape: tuple[int, int], rate: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(shape, generator=generator, dtype=torch.float32) >= rate) / (1 - rate)


def _contexts(weights: Weights, ids: Tensor) -> tuple[Tensor, Tensor]:
    """(the tokens before, the token) for each token that is predicted."""
    c = weights["in"].shape[1] // weights["table"].shape[1]
    return torch.stack([ids[i : len(ids) - c + i] for i in range(c)], 1), ids[c:]


def _forward(weights: Weights, ids: Tensor, masks: Masks) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """(loss, probabilities, output of GELU after its mask, input of GELU, rows after their mask)."""
    before, targets = _contexts(weights, ids)
    rows = weights["table"][before].reshape(len(targets), -1) * masks[0]
    pre = rows @ weights["in"].T
    hidden = pre * _below(pre) * masks[1]
    logits = hidden @ weights["out"].T
    logits = logits - logits.amax(1, keepdim=True)
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    loss = (logits.exp().sum(1).log() - logits[torch.arange(len(targets)), targets]).mean()
    return loss, p, hidden, pre, rows


def _below(x: Tensor) -> Tensor:
    """The share of the normal distribution below x."""
    return (1 + torch.erf(x / math.sqrt(2))) / 2


def _backward(weights: Weights, ids: Tensor, masks: Masks) -> tuple[Tensor, Weights]:
    before, targets = _contexts(weights, ids)
    loss, p, hidden, pre, rows = _forward(weights, ids, masks)
    d_logits = (p - F.one_hot(targets, p.shape[1])) / len(targets)
    d_gelu = d_logits @ weights["out"] * masks[1]
    d_pre = d_gelu * (_below(pre) + pre * torch.exp(-pre * pre / 2) / math.sqrt(2 * math.pi))
    d_rows = (d_pre @ weights["in"] * masks[0]).reshape(before.numel(), -1)
    d_table = F.one_hot(before.flatten(), len(weights["table"])).to(d_rows.dtype).T @ d_rows
    return loss, {"table": d_table, "in": d_pre.T @ rows, "out": d_logits.T @ hidden}


# Runs with autograd and torch's layers.


def _loss(weights: Weights, ids: Tensor, masks: Masks) -> Tensor:
    before, targets = _contexts(weights, ids)
    rows = F.embedding(before, weights["table"]).flatten(1) * masks[0]
    hidden = F.gelu(F.linear(rows, weights["in"])) * masks[1]
    return F.cross_entropy(F.linear(hidden, weights["out"]), targets)


Evaluate = Callable[[Weights, Tensor, float, torch.Generator], Tensor]


def _whole(weights: Weights, ids: Tensor, rate: float, generator: torch.Generator) -> Tensor:
    """The loss without dropout."""
    return _loss(weights, ids, (1.0, 1.0))


def _hidden_dropped(weights: Weights, ids: Tensor, rate: float, generator: torch.Generator) -> Tensor:
    """The loss with dropout on the output of GELU: the planted evaluation."""
    return _loss(weights, ids, (1.0, _mask(_shapes(weights, ids)[1], rate, generator)))


def _trained(
    weights: Weights,
    train: Tensor,
    held_out: Tensor,
    rate: float,
    steps: int,
    every: int,
    lr: float,
    seed: int,
    evaluate: Evaluate = _whole,
    in_training: Literal["both", "rows", "none"] = "both",
) -> Run:
    """A run. `evaluate` gives the held-out loss, and may draw from the generator of the training."""
    generator = torch.Generator().manual_seed(seed)
    losses, held = [], []
    for step in range(steps):
        if step % every == 0:
            held.append(evaluate(weights, held_out, rate, generator))
        leaves = {name: w.clone().requires_grad_() for name, w in weights.items()}
        shapes = _shapes(weights, train)
        rows = _mask(shapes[0], rate, generator) if in_training != "none" else 1.0
        hidden = _mask(shapes[1], rate, generator) if in_training == "both" else 1.0
        loss = _loss(leaves, train, (rows, hidden))
        loss.backward()  # type: ignore[no-untyped-call]
        weights = {name: w.detach() - lr * w.grad for name, w in leaves.items() if w.grad is not None}
        losses.append(loss.detach())
    return torch.stack(losses), torch.stack(held), weights


@hunt_noisy_evaluation.right("evaluation without masks")
def without_masks(
    weights: Weights, train: Tensor, held_out: Tensor, rate: float, steps: int, every: int, lr: float, seed: int
) -> Run:
    return _trained(weights, train, held_out, rate, steps, every, lr, seed)


@hunt_noisy_evaluation.right("evaluation at rate 0, with a generator of its own")
def rate_of_zero(
    weights: Weights, train: Tensor, held_out: Tensor, rate: float, steps: int, every: int, lr: float, seed: int
) -> Run:
    def evaluate(weights: Weights, ids: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return _hidden_dropped(weights, ids, 0.0, torch.Generator())

    return _trained(weights, train, held_out, rate, steps, every, lr, seed, evaluate)


@hunt_noisy_evaluation.right("all masks drawn before the first step, and the evaluations after the last one")
def evaluated_at_the_end(
    weights: Weights, train: Tensor, held_out: Tensor, rate: float, steps: int, every: int, lr: float, seed: int
) -> Run:
    generator = torch.Generator().manual_seed(seed)
    shapes, states, losses = _shapes(weights, train), [], []
    masks = [(_mask(shapes[0], rate, generator), _mask(shapes[1], rate, generator)) for _ in range(steps)]
    for pair in masks:
        states.append(weights)
        loss, grads = _backward(weights, train, pair)
        losses.append(loss)
        weights = {name: w - lr * grads[name] for name, w in weights.items()}
    held = [_loss(state, held_out, (1.0, 1.0)) for state in states[::every]]
    return torch.stack(losses), torch.stack(held), weights


@hunt_noisy_evaluation.wrong(PLANTED)
def planted(
    weights: Weights, train: Tensor, held_out: Tensor, rate: float, steps: int, every: int, lr: float, seed: int
) -> Run:
    return _trained(weights, train, held_out, rate, steps, every, lr, seed, _hidden_dropped)


@hunt_noisy_evaluation.wrong(
    "the evaluation got a fixed seed of its own: the noise is gone, and the network is still thinned"
)
def own_seed(
    weights: Weights, train: Tensor, held_out: Tensor, rate: float, steps: int, every: int, lr: float, seed: int
) -> Run:
    def evaluate(weights: Weights, ids: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return _hidden_dropped(weights, ids, rate, torch.Generator().manual_seed(0))

    return _trained(weights, train, held_out, rate, steps, every, lr, seed, evaluate)


@hunt_noisy_evaluation.wrong(
    "the generator was set back after each evaluation: the training is right again, and the held-out loss is not"
)
def state_restored(
    weights: Weights, train: Tensor, held_out: Tensor, rate: float, steps: int, every: int, lr: float, seed: int
) -> Run:
    def evaluate(weights: Weights, ids: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return _hidden_dropped(weights, ids, rate, generator.clone_state())

    return _trained(weights, train, held_out, rate, steps, every, lr, seed, evaluate)


@hunt_noisy_evaluation.wrong(
    "random numbers were still drawn in the evaluation and not used: they are missing in the training"
)
def still_drawn(
    weights: Weights, train: Tensor, held_out: Tensor, rate: float, steps: int, every: int, lr: float, seed: int
) -> Run:
    def evaluate(weights: Weights, ids: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return _hidden_dropped(weights, ids, 0.0, generator)

    return _trained(weights, train, held_out, rate, steps, every, lr, seed, evaluate)


@hunt_noisy_evaluation.wrong(
    "the held-out loss is the mean of several noisy ones: less noise, and it is still too high"
)
def mean_of_several(
    weights: Weights, train: Tensor, held_out: Tensor, rate: float, steps: int, every: int, lr: float, seed: int
) -> Run:
    def evaluate(weights: Weights, ids: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return torch.stack([_hidden_dropped(weights, ids, rate, generator) for _ in range(8)]).mean()

    return _trained(weights, train, held_out, rate, steps, every, lr, seed, evaluate)


@hunt_noisy_evaluation.wrong("the held-out loss is the least of several noisy ones: a lucky mask is no evaluation")
def least_of_several(
    weights: Weights, train: Tensor, held_out: Tensor, rate: float, steps: int, every: int, lr: float, seed: int
) -> Run:
    def evaluate(weights: Weights, ids: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return torch.stack([_hidden_dropped(weights, ids, rate, generator) for _ in range(8)]).amin()

    return _trained(weights, train, held_out, rate, steps, every, lr, seed, evaluate)


@hunt_noisy_evaluation.wrong(
    "the output of GELU was multiplied by 1 − rate in the evaluation: training has divided by it already"
)
def scaled_in_evaluation(
    weights: Weights, train: Tensor, held_out: Tensor, rate: float, steps: int, every: int, lr: float, seed: int
) -> Run:
    def evaluate(weights: Weights, ids: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return _loss(weights, ids, (1.0, 1.0 - rate))

    return _trained(weights, train, held_out, rate, steps, every, lr, seed, evaluate)


@hunt_noisy_evaluation.wrong("the held-out loss is smoothed over the evaluations: its noise is hidden and not mended")
def smoothed(
    weights: Weights, train: Tensor, held_out: Tensor, rate: float, steps: int, every: int, lr: float, seed: int
) -> Run:
    losses, held, last = _trained(weights, train, held_out, rate, steps, every, lr, seed, _hidden_dropped)
    means = [held[0]]
    for loss in held[1:]:
        means.append(0.5 * means[-1] + 0.5 * loss)
    return losses, torch.stack(means), last


@hunt_noisy_evaluation.wrong("dropout was removed from the training, too: training asks for it on both places")
def never_dropped(
    weights: Weights, train: Tensor, held_out: Tensor, rate: float, steps: int, every: int, lr: float, seed: int
) -> Run:
    return _trained(weights, train, held_out, rate, steps, every, lr, seed, in_training="none")


@hunt_noisy_evaluation.wrong(
    "dropout on the output of GELU was removed from the training, too: only evaluation has none"
)
def hidden_never_dropped(
    weights: Weights, train: Tensor, held_out: Tensor, rate: float, steps: int, every: int, lr: float, seed: int
) -> Run:
    return _trained(weights, train, held_out, rate, steps, every, lr, seed, in_training="rows")


STEPS, EVERY, CONTEXT, WIDTH, HIDDEN = 90, 3, 3, 8, 32


def random_weights(seed: int, vocabulary: int, context: int, width: int, hidden: int) -> Weights:
    """Weights with which the logits start small."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"table": (vocabulary, width), "in": (hidden, context * width), "out": (vocabulary, hidden)}
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float32) / (shape[1] ** 0.5 if name != "table" else 1)
        for name, shape in shapes.items()
    }


@hunt_noisy_evaluation.symptom("distance of five held-out losses to the loss of the whole network, in nats a token")
def symptom(run: Callable[..., Run], seed: int) -> Symptom:
    weights = random_weights(seed, len(VOCABULARY), CONTEXT, WIDTH, HIDDEN)
    train, held_out = corpus(2 * seed, 200), corpus(2 * seed + 1, 60)

    def trained(steps: int, seed: int) -> Run:
        return run(weights, train, held_out, 0.5, steps, EVERY, 0.5, seed)

    losses, held, _ = trained(STEPS, seed)
    again = {f"seed {i}": float(trained(1, i)[1][0]) for i in range(1, 6)}
    whole = float(_loss(weights, held_out, (1.0, 1.0)))
    return Symptom(
        round(sum(abs(loss - whole) for loss in again.values()) / len(again), 4),
        (
            Curve("held-out loss", tuple(held.tolist()), x="evaluation", y="nats a token"),
            Curve("training loss", tuple(losses.tolist()), y="nats a token"),
            Counts("held-out loss of the first weights", {**again}, "nats a token"),
        ),
    )
