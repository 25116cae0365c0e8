"""Generates tokens: one after another, or several prompts as one batch, or with drafts that one pass checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from grader.model.figures import GREEDY as GREEDY
from grader.model.figures import Sampling as Sampling
from grader.model.forward import Cache, Model
from grader.model.path import Route


class Drafter(Protocol):
    def probabilities(self, ids: Sequence[int]) -> Tensor:
        """The distribution of the next token, (vocab,) in float32, after these ids."""


def stream(
    model: Model, prompt: Sequence[int], sampling: Sampling, stop: int, drafter: Drafter | None = None
) -> Iterator[int]:
    """The new tokens, without the stop token. A text ends at the latest where the model's context ends."""
    for accepted in passes(model, prompt, sampling, stop, drafter):
        yield from accepted


def passes(
    model: Model, prompt: Sequence[int], sampling: Sampling, stop: int, drafter: Drafter | None = None
) -> Iterator[list[int]]:
    """The tokens that each pass through the model adds: one, or with a drafter one more than it accepted of its drafts.

    The stop token is left out.
    """
    numbers = torch.Generator().manual_seed(sampling.seed)
    left = min(sampling.most, model.config.max_position_embeddings - len(prompt))
    if left <= 0:
        return
    tokens = (
        _drafted(model, prompt, sampling, numbers, drafter) if drafter else _single(model, prompt, sampling, numbers)
    )
    for accepted in tokens:
        kept = accepted[: accepted.index(stop)] if stop in accepted else accepted
        yield kept[:left]
        left -= len(kept)
        if left <= 0 or len(kept) < len(accepted):
            return


def _single(model: Model, prompt: Sequence[int], sampling: Sampling, numbers: torch.Generator) -> Iterator[list[int]]:
    ids, cache = list(prompt), Cache() if sampling.cache else None
    new = ids
    while True:
        last = _logits(model, ids if cache is None else new, cache)[-1]
        token = _draw(model, _distribution(model, last, sampling), numbers)
        yield [token]
        new = [token]
        ids.append(token)


def _drafted(
    model: Model, prompt: Sequence[int], sampling: Sampling, numbers: torch.Generator, drafter: Drafter
) -> Iterator[list[int]]:
    """Tokens with the same distribution: a pass checks several drafts, and the cache forgets those not accepted."""
    ids, cache = list(prompt), Cache()
    room = model.config.max_position_embeddings
    while True:
        drafts: list[int] = []
        q: list[Tensor] = []
        for _ in range(min(sampling.drafts, room - len(ids) - 1)):
            q.append(drafter.probabilities([*ids, *drafts]))
            drafts.append(_draw(model, q[-1], numbers))
        logits = _logits(model, [*ids[cache.length :], *drafts], cache)[-1 - len(drafts) :]
        p = _distribution(model, logits, sampling)
        u = torch.rand(len(drafts), generator=numbers).tolist()
        v = torch.rand((), generator=numbers).item()
        rows = torch.stack(q) if q else torch.zeros(0, p.shape[-1])
        accepted: list[int] = model.functions.speculative_accept(p, rows, drafts, u, v)
        yield accepted
        ids += accepted
        cache.cut(len(ids) - 1)


def _logits(model: Model, ids: Sequence[int], cache: Cache | None) -> Tensor:
    """(n, vocab) after each of the ids. One new token attends to all, so nothing is hidden and the mask is added."""
    route: Route = "whole" if cache is None else "added" if len(ids) == 1 else "attention"
    with torch.no_grad():
        return model.logits(torch.tensor([ids]), cache, route)[0]


def _distribution(model: Model, logits: Tensor, sampling: Sampling) -> Tensor:
    f = model.functions
    p = f.temperature(logits, sampling.temperature)
    if sampling.top_k:
        p = f.top_k(p, sampling.top_k)
    if sampling.top_p < 1:
        p = f.top_p(p, sampling.top_p)
    return p  # type: ignore[no-any-return]


def _draw(model: Model, p: Tensor, numbers: torch.Generator) -> int:
    return int(model.functions.sample(p, torch.rand((), generator=numbers)))


def together(
    model: Model, prompts: Sequence[Sequence[int]], sampling: Sampling, stop: int, pad: int
) -> list[list[int]]:
    """The new tokens of several prompts, generated as one batch that is padded at the left."""
    longest = max(map(len, prompts))
    cache = Cache(tuple(longest - len(prompt) for prompt in prompts))
    new = torch.tensor([[pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts])
    numbers = torch.Generator().manual_seed(sampling.seed)
    texts: list[list[int]] = [[] for _ in prompts]
    done = [False] * len(prompts)
    for _ in range(min(sampling.most, model.config.max_position_embeddings - longest)):
        with torch.no_grad():
            p = _distribution(model, model.logits(new, cache, "masked")[:, -1], sampling)
        drawn = model.functions.sample(p, torch.rand(len(prompts), generator=numbers))
        for row, token in enumerate(drawn.tolist()):
            done[row] = done[row] or token == stop
            if not done[row]:
                texts[row].append(token)
        if all(done):
            break
        new = drawn.reshape(-1, 1)
    return texts
