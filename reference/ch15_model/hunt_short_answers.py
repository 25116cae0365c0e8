"""Picks the predicted places by the lengths of the texts. The variants are made of one training, parts replaced."""

import random
from collections.abc import Callable, Iterable
from functools import wraps
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import PLANTED, oracle
from reference.ch15_model.model_logits import library as logits_of
from reference.ch15_model.model_logits import model_logits
from reference.symptom import Curve, Symptom, Text
from reference.tiny import HEADS, KV_HEADS, VOCABULARY, corpus, decode
from reference.tiny import weights as tiny_weights

Weights = dict[str, Tensor]
Texts = list[list[int]]
Trained = tuple[Tensor, Weights]
TABLE = "model.embed_tokens.weight"
STEPS, TEXTS = 40, 6  # of the symptom: each step has one long text and five short ones


@oracle
def hunt_short_answers(
    texts: Texts, weights: Weights, heads: int, kv_heads: int, pad: int, batch: int, lr: float
) -> Trained:
    losses = []
    for start in range(0, len(texts), batch):
        group = texts[start : start + batch]
        ids = torch.tensor([text + [0] * (max(map(len, group)) - len(text)) for text in group])
        places = [(row, t, text[t + 1]) for row, text in enumerate(group) for t in range(len(text) - 1)]
        rows, times, targets = (list(column) for column in zip(*places, strict=True))
        leaves = {name: w.clone().requires_grad_() for name, w in weights.items()}
        chosen = model_logits(ids, leaves, heads, kv_heads)[rows, times]
        away = chosen - chosen.detach().amax(1, keepdim=True)
        all_losses = torch.exp(away).sum(1).log() - away[list(range(len(targets))), targets]
        loss = all_losses.sum() / len(targets)
        loss.backward()  # type: ignore[no-untyped-call]
        weights = {name: w.detach() - lr * w.grad for name, w in leaves.items() if w.grad is not None}
        losses.append(loss.detach())
    return torch.stack(losses), weights


class Batch(NamedTuple):
    """What a loss is computed from: the texts of a step, padded, and their logits."""

    logits: Tensor
    ids: Tensor
    lengths: list[int]
    pad: int

    def losses(self) -> Tensor:
        """−ln p of each target, (b, n − 1), padding too."""
        targets = self.ids[:, 1:]
        return F.cross_entropy(self.logits[:, :-1].flatten(0, 1), targets.flatten(), reduction="none").view_as(targets)

    def counts(self, more: int = 0) -> Tensor:
        """1 for each target that is a token of its text, (b, n − 1). Each text is taken as longer by `more`."""
        last = torch.tensor(self.lengths).unsqueeze(1) - 1 + more
        return (torch.arange(self.ids.shape[1] - 1) < last).to(self.logits.dtype)


Loss = Callable[[Batch], Tensor]


def _mean(b: Batch) -> Tensor:
    return (b.losses() * b.counts()).sum() / b.counts().sum()


def _everything(b: Batch) -> Tensor:
    """The loss with the planted mistake."""
    return b.losses().mean()


class Training(NamedTuple):
    """The inputs."""

    texts: Texts
    weights: Weights
    heads: int
    kv_heads: int
    pad: int
    batch: int
    lr: float

    def groups(self) -> list[Texts]:
        return [self.texts[start : start + self.batch] for start in range(0, len(self.texts), self.batch)]

    def train(self, loss_of: Loss, shown: Loss | None = None, frozen: Iterable[int] = ()) -> Trained:
        """A step on each batch. `shown` is the loss to report, and the rows `frozen` of the table do not move."""
        weights, reported = self.weights, []
        for group in self.groups():
            longest = max(map(len, group))
            ids = torch.tensor([text + [self.pad] * (longest - len(text)) for text in group])
            leaves = {name: w.detach().requires_grad_() for name, w in weights.items()}
            logits = logits_of(ids, leaves, self.heads, self.kv_heads)
            b = Batch(logits, ids, [len(text) for text in group], self.pad)
            loss = loss_of(b)
            gradients = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
            gradients[TABLE][list(frozen)] = 0
            weights = {name: w.detach() - self.lr * gradients[name] for name, w in leaves.items()}
            reported.append((loss if shown is None else shown(b._replace(logits=logits.detach()))).detach())
        return torch.stack(reported), weights


def _of_inputs(formula: Callable[[Training], Trained]) -> Callable[..., Trained]:
    """`formula`, of all inputs as one, as an answer."""

    @wraps(formula)
    def answer(texts: Texts, weights: Weights, heads: int, kv_heads: int, pad: int, batch: int, lr: float) -> Trained:
        return formula(Training(texts, weights, heads, kv_heads, pad, batch, lr))

    return answer


def _by(loss: Loss) -> Callable[..., Trained]:
    """A training with this loss, as an answer."""

    @wraps(loss)
    def answer(texts: Texts, weights: Weights, heads: int, kv_heads: int, pad: int, batch: int, lr: float) -> Trained:
        return Training(texts, weights, heads, kv_heads, pad, batch, lr).train(loss)

    return answer


@hunt_short_answers.right("a mask of the texts' own places, times the losses")
@_by
def masked(b: Batch) -> Tensor:
    return _mean(b)


@hunt_short_answers.right("labels of −100 for padding, which PyTorch's cross_entropy leaves out")
@_by
def library(b: Batch) -> Tensor:
    labels = b.ids[:, 1:].masked_fill(b.counts() == 0, -100)
    return F.cross_entropy(b.logits[:, :-1].transpose(1, 2), labels)


@hunt_short_answers.right("each text cut to its own length again, and all their losses in one list")
@_by
def cut_again(b: Batch) -> Tensor:
    parts = [
        F.cross_entropy(logits[: length - 1], ids[1:length], reduction="none")
        for logits, ids, length in zip(b.logits, b.ids, b.lengths, strict=True)
    ]
    return torch.cat(parts).mean()


@hunt_short_answers.wrong(PLANTED)
@_by
def planted(b: Batch) -> Tensor:
    return _everything(b)


@hunt_short_answers.wrong("every target equal to `pad` was left out: where the texts have this token, it is a target")
@_by
def by_value(b: Batch) -> Tensor:
    counts = (b.ids[:, 1:] != b.pad).to(b.logits.dtype)
    return (b.losses() * counts).sum() / counts.sum().clamp(min=1)


@hunt_short_answers.wrong(
    "the first padding after each text still counts: the model learns to stop where a text was cut"
)
@_by
def one_padding_counts(b: Batch) -> Tensor:
    return (b.losses() * b.counts(1)).sum() / b.counts(1).sum()


@hunt_short_answers.wrong("the last token of each text does not count: only padding should be left out")
@_by
def last_token_left_out(b: Batch) -> Tensor:
    return (b.losses() * b.counts(-1)).sum() / b.counts(-1).sum().clamp(min=1)


@hunt_short_answers.wrong(
    "the sum leaves padding out, and the mean still divides by all places: padding makes it small"
)
@_by
def divided_by_places(b: Batch) -> Tensor:
    return (b.losses() * b.counts()).mean()


@hunt_short_answers.wrong("the mean of the texts' means was taken: a token of a short text counts more than others")
@_by
def mean_of_texts(b: Batch) -> Tensor:
    return ((b.losses() * b.counts()).sum(1) / b.counts().sum(1)).mean()


@hunt_short_answers.wrong("padding counts a tenth: the model learns it more slowly, and it still learns it")
@_by
def padding_counts_less(b: Batch) -> Tensor:
    shares = b.counts() + 0.1 * (1 - b.counts())
    return (b.losses() * shares).sum() / shares.sum()


@hunt_short_answers.wrong("only the reported loss was mended: the gradient still comes from padding too")
@_of_inputs
def only_the_report(t: Training) -> Trained:
    return t.train(_everything, _mean)


@hunt_short_answers.wrong("only the gradient was mended: the reported loss still counts padding")
@_of_inputs
def only_the_gradient(t: Training) -> Trained:
    return t.train(_mean, _everything)


@hunt_short_answers.wrong("the embedding of `pad` was frozen: all other weights still learn to predict it")
@_of_inputs
def frozen_embedding(t: Training) -> Trained:
    return t.train(_everything, frozen=[t.pad])


@hunt_short_answers.wrong(
    "texts were cut to the shortest one of their batch: no padding is left, and no long text either"
)
@_of_inputs
def cut_to_the_shortest(t: Training) -> Trained:
    texts = [text[: min(map(len, group))] for group in t.groups() for text in group]
    return t._replace(texts=texts).train(_everything)


@hunt_short_answers.wrong("texts were sorted by length: there is less padding, and it still counts")
@_of_inputs
def sorted_by_length(t: Training) -> Trained:
    return t._replace(texts=sorted(t.texts, key=len)).train(_everything)


@hunt_short_answers.wrong(
    "each text became a batch: nothing is padded, and there are more and smaller steps than before"
)
@_of_inputs
def one_at_a_time(t: Training) -> Trained:
    return t._replace(batch=1).train(_everything)


@hunt_short_answers.wrong("the learning rate was lowered: the model learns to write padding more slowly")
@_of_inputs
def lower_lr(t: Training) -> Trained:
    return t._replace(lr=t.lr / 10).train(_everything)


@hunt_short_answers.symptom("mean loss of the last ten steps, in nats a token")
def symptom(run: Callable[..., Trained], seed: int) -> Symptom:
    chosen, words, pad = random.Random(seed), corpus(seed, 2000).tolist(), len(VOCABULARY)
    texts = []
    for number in range(STEPS * TEXTS):
        start, length = chosen.randrange(1900), chosen.randint(3, 6) if number % TEXTS else 20
        texts.append(words[start : start + length])
    weights = tiny_weights(seed, 16, 1, std=0.2)
    row = torch.randn(1, 16, generator=torch.Generator().manual_seed(seed)) * 0.2
    weights[TABLE] = torch.cat([weights[TABLE], row])
    losses, trained = run(texts, weights, HEADS, KV_HEADS, pad, TEXTS, 0.5)
    curve = Curve("Loss of training", tuple(losses.tolist()), y="nats a token")
    text = Text("What the model writes after 'the'", _sampled(trained, seed, pad))
    return Symptom(losses[-10:].mean().item(), (curve, text))


def _sampled(weights: Weights, seed: int, pad: int) -> str:
    """Five lines of the trained model, each of nine words at most. A line ends before padding."""
    generator, lines = torch.Generator().manual_seed(seed), torch.full((5, 1), VOCABULARY.index("the"))
    for _ in range(8):
        p = torch.softmax(logits_of(lines, weights, HEADS, KV_HEADS)[:, -1], -1)
        lines = torch.cat([lines, torch.multinomial(p, 1, generator=generator)], 1)
    said = [line[: line.index(pad)] if pad in line else line for line in lines.tolist()]
    return "\n".join(decode(line) for line in said)
