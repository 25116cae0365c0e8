"""The place of every prediction is listed: row, position of the token before, token. The variants change a batch."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reference import PLANTED, oracle
from reference.ch04_optimization.adamw_step import adamw_step
from reference.ch08_block.next_token_loss import next_token_loss
from reference.ch15_model.model_logits import model_logits
from reference.symptom import Curve, Symptom, Text
from reference.tiny import END, HEADS, KV_HEADS, VERBS, corpus, decode, encode
from reference.tiny import weights as tiny_weights

Tensors = dict[str, Tensor]
Dialogs = list[tuple[list[int], list[int]]]
Run = tuple[Tensor, list[int]]
Loss = Callable[[Tensors], Tensor]
Choose = Callable[[Tensor, list[int]], int]


def _most_probable(logits: Tensor, text: list[int]) -> int:
    return int(logits.argmax())


def _finetuned(
    loss_of: Loss,
    prompt: list[int],
    weights: Tensors,
    heads: int,
    kv_heads: int,
    steps: int,
    rate: float,
    most: int,
    choose: Choose = _most_probable,
) -> Run:
    """Steps of AdamW on `loss_of`, the loss of a batch, and then the continuation of the prompt."""
    params, m, v = dict(weights), dict.fromkeys(weights, torch.zeros(())), dict.fromkeys(weights, torch.zeros(()))
    losses = torch.zeros(steps)
    for step in range(steps):
        leaves = {name: w.detach().requires_grad_() for name, w in params.items()}
        loss = loss_of(leaves)
        losses[step] = loss.detach()
        for name, grad in zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True):
            moments = (m[name].expand_as(grad), v[name].expand_as(grad))
            params[name], m[name], v[name] = adamw_step(params[name], grad, *moments, step + 1, lr=rate, decay=0.0)
    text = list(prompt)
    for _ in range(most):
        text.append(choose(model_logits(torch.tensor([text]), params, heads, kv_heads)[0, -1], text))
    return losses, text[len(prompt) :]


@oracle
def hunt_echo(
    dialogs: Dialogs,
    prompt: list[int],
    weights: Tensors,
    heads: int,
    kv_heads: int,
    steps: int,
    rate: float,
    most: int,
) -> Run:
    texts = [question + answer for question, answer in dialogs]
    ids = torch.tensor([text + [0] * (max(map(len, texts)) - len(text)) for text in texts])
    places = [
        (row, len(question) + i - 1, token)
        for row, (question, answer) in enumerate(dialogs)
        for i, token in enumerate(answer)
    ]
    rows, befores, tokens = torch.tensor(places).unbind(1)

    def loss_of(leaves: Tensors) -> Tensor:
        log_p = torch.log_softmax(model_logits(ids, leaves, heads, kv_heads), dim=-1)
        return -log_p[rows, befores, tokens].mean()

    return _finetuned(loss_of, prompt, weights, heads, kv_heads, steps, rate, most)


IGNORE = -100
OfBatch = Callable[[Tensor, Tensor], Tensor]  # the loss, of logits and labels


def _batch(dialogs: Dialogs, from_: int = 0) -> tuple[Tensor, Tensor]:
    """(ids, labels). The labels begin `from_` places before the answer."""
    n = max(len(question) + len(answer) for question, answer in dialogs)
    ids = torch.zeros(len(dialogs), n, dtype=torch.int64)
    labels = torch.full_like(ids, IGNORE)
    for row, (question, answer) in enumerate(dialogs):
        whole = torch.tensor(question + answer)
        ids[row, : len(whole)] = whole
        labels[row, len(question) - from_ : len(whole) - from_] = torch.tensor(answer)
    return ids, labels


def _mean(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean over labels that count, at the positions where they stand."""
    return functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORE)


def _shifted(logits: Tensor, labels: Tensor) -> Tensor:
    return _mean(logits[:, :-1], labels[:, 1:])


def _variant(
    loss: OfBatch,
    *,
    labels: Callable[[Dialogs], tuple[Tensor, Tensor]] = _batch,
    rate: float = 1.0,
    choose: Choose = _most_probable,
) -> Callable[..., Run]:
    """A run with another loss, other labels, `rate` times the learning rate, or another choice of the next token."""

    def run(
        dialogs: Dialogs,
        prompt: list[int],
        weights: Tensors,
        heads: int,
        kv_heads: int,
        steps: int,
        given_rate: float,
        most: int,
    ) -> Run:
        ids, targets = labels(dialogs)

        def loss_of(leaves: Tensors) -> Tensor:
            return loss(model_logits(ids, leaves, heads, kv_heads), targets)

        return _finetuned(loss_of, prompt, weights, heads, kv_heads, steps, rate * given_rate, most, choose)

    return run


@hunt_echo.right("the labels were moved when the batch was made")
def moved_labels(*args: Any) -> Run:
    return _variant(_mean, labels=lambda dialogs: _batch(dialogs, from_=1))(*args)


@hunt_echo.right("the labels were rolled by one place: a question comes first, so no label that counts wraps around")
def rolled(*args: Any) -> Run:
    return _variant(lambda logits, labels: _mean(logits, labels.roll(-1, dims=1)))(*args)


@hunt_echo.right("with next_token_loss, which shifts by itself")
def earlier_koan(*args: Any) -> Run:
    return _variant(lambda logits, labels: next_token_loss(logits, labels))(*args)


@hunt_echo.right("with torch's cross_entropy on shifted logits and labels")
def library(*args: Any) -> Run:
    return _variant(_shifted)(*args)


@hunt_echo.wrong(PLANTED)
def planted(*args: Any) -> Run:
    return _variant(_mean)(*args)


@hunt_echo.wrong("logits and labels were shifted the wrong way: the model learns the token before, not the next one")
def wrong_way(*args: Any) -> Run:
    return _variant(lambda logits, labels: _mean(logits[:, 1:], labels[:, :-1]))(*args)


@hunt_echo.wrong("labels were moved in the batch and again in the loss: the model learns the token after the next one")
def shifted_twice(*args: Any) -> Run:
    return _variant(_shifted, labels=lambda dialogs: _batch(dialogs, from_=1))(*args)


@hunt_echo.wrong("the logits were shifted and the labels were only cut at the end: both still have the same position")
def cut_at_the_same_end(*args: Any) -> Run:
    return _variant(lambda logits, labels: _mean(logits[:, :-1], labels[:, :-1]))(*args)


@hunt_echo.wrong("the first token of each answer was left out: the last token of the question predicts it")
def without_the_first(*args: Any) -> Run:
    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        known = labels[:, :-1] != IGNORE
        return _mean(logits[:, :-1], labels[:, 1:].masked_fill(~known, IGNORE))

    return _variant(loss)(*args)


@hunt_echo.wrong("questions and padding were predicted too: only the tokens of answers count")
def everything_counts(*args: Any) -> Run:
    return _variant(_shifted, labels=lambda dialogs: (_batch(dialogs)[0],) * 2)(*args)


@hunt_echo.wrong("the learning rate was lowered: the loss falls to nothing later, and for the same reason")
def lower_rate(*args: Any) -> Run:
    return _variant(_mean, rate=0.1)(*args)


@hunt_echo.wrong("the labels were smoothed: the loss can no longer reach 0, and the model still learns the same")
def smoothed(*args: Any) -> Run:
    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORE, label_smoothing=0.1
        )

    return _variant(loss)(*args)


@hunt_echo.wrong("the last token was forbidden as the next one: the text looks better, and the model learned the same")
def no_repetition(*args: Any) -> Run:
    def choose(logits: Tensor, text: list[int]) -> int:
        return int(logits.index_fill(0, torch.tensor(text[-1:]), -torch.inf).argmax())

    return _variant(_mean, choose=choose)(*args)


@hunt_echo.symptom("loss of the last step, in nats a token of an answer")
def symptom(run: Callable[..., Run], seed: int) -> Symptom:
    dialogs = []
    for sentence in decode(corpus(seed, 500)).split(f" {END}")[:32]:
        words = sentence.split()
        verb = next(i for i, word in enumerate(words) if word in VERBS[0] + VERBS[1])
        question, answer = " ".join(words[:verb]), " ".join([*words[verb:], END])
        dialogs.append((encode(question).tolist(), encode(answer).tolist()))
    prompt = "the old cats"
    losses, text = run(dialogs, encode(prompt).tolist(), tiny_weights(seed), HEADS, KV_HEADS, 50, 0.01, 4)
    return Symptom(
        float(losses[-1]),
        (Curve("training loss", tuple(losses.tolist())), Text(f"{prompt} ...", decode(text))),
    )
