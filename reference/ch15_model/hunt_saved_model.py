"""One table, with F.embedding and F.linear. The wrong repairs are ways to have two tables."""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import PLANTED, oracle
from reference.symptom import Curve, Symptom

Tensors = dict[str, Tensor]
Trained = tuple[Tensor, int, Tensors, Tensor]
EMBED, MIX, HEAD = "model.embed_tokens.weight", "mix.weight", "lm_head.weight"


def _loss(ids: Tensor, table: Tensor, mix: Tensor, head: Tensor) -> Tensor:
    before = F.embedding(ids[:, :-1], table)
    hidden = torch.tanh(F.linear(torch.cat([before[:, :-1], before[:, 1:]], dim=2), mix))
    return F.cross_entropy(F.linear(hidden, head).flatten(0, 1), ids[:, 2:].flatten())


@oracle
def hunt_saved_model(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    table, mix, losses = weights[EMBED], weights[MIX], []
    for _ in range(steps):
        leaves = table.detach().requires_grad_(), mix.detach().requires_grad_()
        loss = _loss(ids, *leaves, leaves[0])
        d_table, d_mix = torch.autograd.grad(loss, leaves)
        losses.append(loss.detach())
        table, mix = table - lr * d_table, mix - lr * d_mix
    saved = {EMBED: table, MIX: mix}
    return torch.stack(losses), table.numel() + mix.numel(), saved, _loss(ids, table, mix, table)


BOTH = (EMBED, HEAD)
Synced = Literal["no", "from the embedding", "from the head", "by the mean"]
Steps = Mapping[str, float]  # how many times its gradient each weight moves in a step


def _two_tables(
    ids: Tensor,
    weights: Tensors,
    steps: int,
    lr: float,
    *,
    synced: Synced = "no",
    synced_at_the_end: Synced = "no",
    moves: Steps | None = None,
    summed: Collection[str] = (),
    counted: bool = True,
    loaded: str = EMBED,
) -> Trained:
    """A run with a copy of the table as its head, which is `synced` with the embedding after each step or at the end.

    The tables in `summed` get the sum of both gradients. The head is not `counted` where a repair does so.
    The loaded model has the table `loaded` as its head.
    """
    now, losses = {EMBED: weights[EMBED], MIX: weights[MIX], HEAD: weights[EMBED]}, []
    factor = {EMBED: 1.0, MIX: 1.0, HEAD: 1.0, **(moves or {})}
    for _ in range(steps):
        leaves = {name: w.detach().requires_grad_() for name, w in now.items()}
        loss = _loss(ids, leaves[EMBED], leaves[MIX], leaves[HEAD])
        grads = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
        both = grads[EMBED] + grads[HEAD]
        grads |= dict.fromkeys(summed, both)
        losses.append(loss.detach())
        now = _synced({name: w - lr * factor[name] * grads[name] for name, w in now.items()}, synced)
    now = _synced(now, synced_at_the_end)
    count = sum(w.numel() for name, w in now.items() if counted or name != HEAD)
    saved = {EMBED: now[EMBED], MIX: now[MIX]}
    return torch.stack(losses), count, saved, _loss(ids, now[EMBED], now[MIX], now[loaded])


def _synced(now: Tensors, how: Synced) -> Tensors:
    mean = (now[EMBED] + now[HEAD]) / 2
    table = {"no": None, "from the embedding": now[EMBED], "from the head": now[HEAD], "by the mean": mean}[how]
    return now if table is None else {EMBED: table, MIX: now[MIX], HEAD: table}


@hunt_saved_model.right("one tensor under two names")
def one_tensor(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    model = {name: w.clone().requires_grad_() for name, w in weights.items()}
    model.setdefault(HEAD, model[EMBED])
    losses = []
    for _ in range(steps):
        loss = _loss(ids, model[EMBED], model[MIX], model[HEAD])
        losses.append(loss.detach())
        loss.backward()  # type: ignore[no-untyped-call]
        for name in weights:
            grad = model[name].grad
            assert grad is not None
            model[name].data = model[name].data - lr * grad
            model[name].grad = None
    saved = {name: model[name].detach() for name in weights}
    after = _loss(ids, saved[EMBED], saved[MIX], saved[EMBED])
    return torch.stack(losses), sum(w.numel() for w in saved.values()), saved, after


@hunt_saved_model.right("a parameter registered under two names, which torch lists once")
def registered_twice(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    model = torch.nn.ParameterDict({"table": weights[EMBED].clone(), "mix": weights[MIX].clone()})
    model["head"] = model["table"]
    losses = []
    for _ in range(steps):
        loss = _loss(ids, model["table"], model["mix"], model["head"])
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(loss.detach())
        for p in model.parameters():
            assert p.grad is not None
            p.data = p.data - lr * p.grad
            p.grad = None
    saved = {EMBED: model["table"].detach(), MIX: model["mix"].detach()}
    after = _loss(ids, saved[EMBED], saved[MIX], saved[EMBED])
    return torch.stack(losses), sum(p.numel() for p in model.parameters()), saved, after


@hunt_saved_model.right("two equal tables, which both move by the sum of their gradients and count once")
def gradients_added(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr, summed=BOTH, counted=False)


@hunt_saved_model.wrong(PLANTED)
def planted(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr)


# Repairs of what can be seen


@hunt_saved_model.wrong("only the number of parameters was corrected: there are still two tables, and one is saved")
def only_the_count(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr, counted=False)


@hunt_saved_model.wrong("the learning rate was halved: the two tables drift apart more slowly")
def smaller_rate(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr / 2)


@hunt_saved_model.wrong("the file got both tables: its model is now as good as the trained one, but it is not tied")
def both_saved(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    now, losses = {**weights, HEAD: weights[EMBED]}, []
    for _ in range(steps):
        leaves = {name: w.detach().requires_grad_() for name, w in now.items()}
        loss = _loss(ids, leaves[EMBED], leaves[MIX], leaves[HEAD])
        grads = torch.autograd.grad(loss, list(leaves.values()))
        losses.append(loss.detach())
        now = {name: w - lr * grad for (name, w), grad in zip(now.items(), grads, strict=True)}
    after = _loss(ids, now[EMBED], now[MIX], now[HEAD])
    return torch.stack(losses), sum(w.numel() for w in now.values()), now, after


@hunt_saved_model.wrong("the loaded model got the trained head from memory: the file does not have it")
def head_loaded(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr, loaded=HEAD)


@hunt_saved_model.wrong(
    "the number was corrected, and the loaded model got the trained head from memory: the file does not have it"
)
def head_loaded_and_not_counted(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr, loaded=HEAD, counted=False)


@hunt_saved_model.wrong("the head was saved as the table: now the embedding is lost instead")
def head_saved(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr, synced_at_the_end="from the head")


@hunt_saved_model.wrong("the mean of the two tables was saved: the model was never trained with it")
def mean_saved(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr, synced_at_the_end="by the mean")


# Repairs that mend half of it


@hunt_saved_model.wrong("the head does not move: it has no gradient, so a table with one use is trained")
def head_frozen(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr, moves={HEAD: 0.0}, counted=False)


@hunt_saved_model.wrong(
    "the head is a clone that autograd links to the table: the table gets both gradients, and the head stays as it was"
)
def head_cloned(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr, summed=[EMBED], moves={HEAD: 0.0}, counted=False)


@hunt_saved_model.wrong(
    "only the lookup moves the table (the head is detached, or becomes the embedding after each step): the gradient of "
    "the head is lost"
)
def embedding_copied(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr, synced="from the embedding", counted=False)


@hunt_saved_model.wrong(
    "only the head moves the table (the lookup is detached, or the embedding becomes the head after each step): the "
    "gradient of the lookup is lost"
)
def head_copied(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr, synced="from the head", counted=False)


@hunt_saved_model.wrong("both tables became their mean after each step: that is half of the sum of the gradients")
def averaged(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr, synced="by the mean", counted=False)


@hunt_saved_model.wrong("the table took two steps, one under each name: it is one parameter")
def stepped_twice(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr, moves={EMBED: 2.0, HEAD: 2.0}, summed=BOTH, counted=False)


@hunt_saved_model.wrong("the table counts twice and took two steps, one under each name: it is one parameter")
def stepped_and_counted_twice(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr, moves={EMBED: 2.0, HEAD: 2.0}, summed=BOTH)


@hunt_saved_model.wrong("the table counts twice: it is one parameter under two names")
def counted_twice(ids: Tensor, weights: Tensors, steps: int, lr: float) -> Trained:
    return _two_tables(ids, weights, steps, lr, summed=BOTH)


@hunt_saved_model.symptom("loss of the saved model on its training text, in nats a token")
def symptom(run: Callable[..., Trained], seed: int) -> Symptom:
    """Eight texts of 24 tokens, from a vocabulary of 24 in which each token has a few likely successors."""
    g = torch.Generator().manual_seed(seed)
    likely = torch.rand(24, 24, generator=g) ** 8
    ids = torch.randint(0, 24, (8, 1), generator=g)
    for _ in range(23):
        ids = torch.cat([ids, torch.multinomial(likely[ids[:, -1]], 1, generator=g)], dim=1)
    weights = {EMBED: torch.randn(24, 16, generator=g) / 2, MIX: torch.randn(16, 32, generator=g) / math.sqrt(32)}
    losses, _, _, after = run(ids, weights, 60, 1.0)
    return Symptom(after.item(), (Curve("Training", tuple(losses.tolist())),))
