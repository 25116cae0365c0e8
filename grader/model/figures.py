"""What a run of the model is given, and what it shows: choices and figures without tensors.

The command and the app use them, and neither of them should import torch.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from grader.model.path import Route

Precision = Literal["float32", "int8", "4bit"]


class Sampling(msgspec.Struct, frozen=True):
    """How to choose tokens. Temperature 0 takes the most likely token. `top_k` 0 and `top_p` 1.0 keep all tokens.

    Without a cache every token costs a whole forward pass. `drafts` is how many tokens are drafted for each pass.
    """

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 0.95
    seed: int = 1
    most: int = 200
    cache: bool = True
    drafts: int = 0


GREEDY = Sampling(temperature=0.0, top_p=1.0)


class Loss(msgspec.Struct, frozen=True):
    """The mean loss in nats a token, the same in bits a byte, and the share of places where the top token agrees.

    `agreement` is None if there was nothing to compare with.
    """

    nats: float
    bits_per_byte: float
    tokens: int
    agreement: float | None = None


class Plan(msgspec.Struct, frozen=True):
    """How to train. Each step takes `rows` windows of each length: a micro-batch for each, so their sizes differ."""

    steps: int
    rows: int = 3
    lengths: tuple[int, ...] = (256, 64)
    peak: float = 4e-3
    warmup: int = 50
    max_norm: float = 1.0
    decay: float = 0.1
    seed: int = 1
    route: Route = "attention"


class Step(msgspec.Struct, frozen=True):
    """What one step showed: the mean loss of its tokens before it (nats), learning rate, norm of the gradient."""

    number: int
    loss: float
    lr: float
    norm: float
    tokens: int
