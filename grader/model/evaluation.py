"""What a model loses on held-out texts, and which token it finds most likely at each place."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grader.model.figures import Loss as Loss
from grader.model.forward import Model
from grader.model.path import Route
from grader.model.tokenizer import END, Tokenizer

IGNORED = -100  # a label that does not count


def rows(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """(ids, labels) of the texts, (texts, longest). The end token stands before and after each text.

    The end of a shorter text is followed by padding, whose labels do not count.
    """
    vocabulary = tokenizer.vocabulary
    encoded = [tokenizer.encode(END + text + END) for text in texts]
    longest = max(map(len, encoded))
    ids = torch.tensor([row + [vocabulary.pad] * (longest - len(row)) for row in encoded])
    labels = torch.tensor([row + [IGNORED] * (longest - len(row)) for row in encoded])
    return ids, labels


def evaluate(
    model: Model, tokenizer: Tokenizer, texts: Sequence[str], route: Route = "attention", top: Tensor | None = None
) -> tuple[Loss, Tensor]:
    """(the loss on the texts, the most likely next token at each place). `top` is what to compare the latter with."""
    ids, labels = rows(tokenizer, texts)
    with torch.no_grad():
        logits = model.logits(ids, route=route)
        nats = float(model.functions.next_token_loss(logits, labels, IGNORED))
    counts = labels[:, 1:] != IGNORED
    best = logits[:, :-1].argmax(-1)
    agreement = None
    if top is not None:
        agreement = float((best == top)[counts].double().mean()) if best.shape == top.shape else 0.0
    tokens = int(counts.sum())
    bits = float(model.functions.bits_per_byte(nats, tokens, "".join(texts)))
    return Loss(nats, bits, tokens, agreement), best


def evaluate_all(model: Model, tokenizer: Tokenizer, texts: Sequence[str], at_once: int = 32) -> Loss:
    """The loss on many texts, a few at once."""
    parts = [evaluate(model, tokenizer, texts[i : i + at_once])[0] for i in range(0, len(texts), at_once)]
    tokens = sum(part.tokens for part in parts)
    nats = sum(part.nats * part.tokens for part in parts) / tokens
    return Loss(nats, float(model.functions.bits_per_byte(nats, tokens, "".join(texts))), tokens)
