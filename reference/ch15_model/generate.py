"""The whole text again for each token, without a cache, by `llama_block`'s oracle. Variants use a cache."""

import itertools
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import oracle, promoted
from reference.ch08_block.llama_block import llama_block

Weights = dict[str, Tensor]
Cache = list[tuple[Tensor, Tensor]]


@oracle
def generate(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    _check(prompt)
    text = list(prompt)
    for _ in range(most):
        logits = last_logits(text, weights, heads, kv_heads)
        token = int((logits == logits.max()).nonzero()[0])
        if token == stop:
            break
        text.append(token)
    return text[len(prompt) :]


def _check(prompt: list[int]) -> None:
    if not prompt:
        raise ValueError("an empty prompt")


def last_logits(text: list[int], weights: Weights, heads: int, kv_heads: int) -> Tensor:
    """The logits after the last token of a text."""
    weights = dict(zip(weights, promoted(*weights.values(), torch.zeros(())), strict=False))
    table = weights["model.embed_tokens.weight"]
    x = torch.stack([table[token] for token in text])[None]
    for layer in itertools.count():
        of_layer = _of_layer(weights, layer)
        if not of_layer:
            break
        x = llama_block(x, of_layer, heads, kv_heads)
    last = x[0, -1]
    return table @ (last / ((last * last).sum() / len(last) + 1e-6).sqrt() * weights["model.norm.weight"])


def _of_layer(weights: Weights, layer: int) -> Weights:
    return {name.split(".")[-2]: t for name, t in weights.items() if name.startswith(f"model.layers.{layer}.")}


def lead(text: list[int], new: int, weights: Weights, heads: int, kv_heads: int) -> float:
    """The least lead of the last `new` tokens over the next best. If it is near 0, rounding decides between texts."""
    best = [last_logits(text[:i], weights, heads, kv_heads).topk(2).values for i in range(len(text) - new, len(text))]
    return min(float(first - second) for first, second in best)


# Variants: `_chosen` gives token after token, for as long as somebody asks.


Turns = Callable[[int, int], int]


def _forward(ids: list[int], start: int, cache: Cache, weights: Weights, heads: int, kv_heads: int) -> Tensor:
    """The logits after each of `ids`. The cache is extended in place."""
    table = weights["model.embed_tokens.weight"].float()
    x = F.embedding(torch.tensor(ids), table)[None]
    for layer in itertools.count():
        w = {name: t.float() for name, t in _of_layer(weights, layer).items()}
        if not w:
            break
        seen = F.rms_norm(x, x.shape[-1:], w["input_layernorm"], 1e-6)
        q, k, v = (
            _heads(F.linear(seen, w[f"{name}_proj"]), count)
            for name, count in (("q", heads), ("k", kv_heads), ("v", kv_heads))
        )
        q, k = _turned(q, start), _turned(k, start)
        if layer < len(cache):
            k, v = torch.cat([cache[layer][0], k], 2), torch.cat([cache[layer][1], v], 2)
        cache[layer : layer + 1] = [(k, v)]
        sees = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(k.shape[2] - q.shape[2])
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=sees, enable_gqa=True)
        x = x + F.linear(mixed.transpose(1, 2).flatten(2), w["o_proj"])
        seen = F.rms_norm(x, x.shape[-1:], w["post_attention_layernorm"], 1e-6)
        x = x + F.linear(F.silu(F.linear(seen, w["gate_proj"])) * F.linear(seen, w["up_proj"]), w["down_proj"])
    return F.linear(F.rms_norm(x, x.shape[-1:], weights["model.norm.weight"].float(), 1e-6), table)[0]


def _heads(x: Tensor, count: int) -> Tensor:
    return x.reshape(*x.shape[:2], count, -1).transpose(1, 2)


def _turned(x: Tensor, start: int) -> Tensor:
    """RoPE as a product of complex numbers."""
    n, width = x.shape[-2:]
    speed = 10000.0 ** (-torch.arange(0, width, 2) / width)
    angles = torch.outer(torch.arange(start, start + n), speed)
    pairs = torch.complex(*x.chunk(2, -1)) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([pairs.real, pairs.imag], -1)


def _chosen(
    prompt: list[int],
    weights: Weights,
    heads: int,
    kv_heads: int,
    at: Turns = lambda place, length: place,
    row: int = -1,
    again: bool = False,
    keeps: bool = True,
    forgets: bool = False,
    best: Callable[[Tensor], Tensor] = lambda logits: logits.argmax(),
) -> Iterator[int]:
    """Greedy tokens without end, from a cache. The arguments say what a wrong answer does differently.

    at       the position that is given for the token at a place, for a prompt of some length
    row      which of the prompt's logits choose the first token
    again    the prompt's last token is fed a second time
    keeps    new tokens go into the cache; if not, only the prompt is in it
    forgets  a new token is fed with an empty cache
    """
    _check(prompt)

    def tokens() -> Iterator[int]:
        cache: Cache = []
        logits = _forward(prompt, 0, cache, weights, heads, kv_heads)[row]
        place = len(prompt)
        if again:
            logits = _forward(prompt[-1:], place, cache, weights, heads, kv_heads)[-1]
            place += 1
        while True:
            token = int(best(logits))
            yield token
            own = [] if forgets else cache if keeps else list(cache)
            logits = _forward([token], at(place, len(prompt)), own, weights, heads, kv_heads)[-1]
            place += 1

    return tokens()


def _ended(tokens: Iterator[int], stop: int, most: int) -> list[int]:
    """At most so many tokens, and none from the stop token on."""
    return list(itertools.takewhile(lambda token: token != stop, itertools.islice(tokens, most)))


@generate.right("with a cache, torch's attention, and RoPE as complex numbers")
def library(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    return _ended(_chosen(prompt, weights, heads, kv_heads), stop, most)


@generate.right("the prompt fed token by token as well")
def one_by_one(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    _check(prompt)
    cache: Cache = []
    new: list[int] = []
    for place in range(len(prompt) + most - 1 if most else 0):
        token = [*prompt, *new][place]
        logits = _forward([token], place, cache, weights, heads, kv_heads)[-1]
        if place >= len(prompt) - 1:
            new.append(int(logits.argmax()))
            if new[-1] == stop:
                return new[:-1]
    return new


@generate.right("all but the last token of the prompt first, and then every token in the same loop")
def last_token_in_the_loop(
    prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int
) -> list[int]:
    _check(prompt)
    cache: Cache = []
    if len(prompt) > 1:
        _forward(prompt[:-1], 0, cache, weights, heads, kv_heads)
    text = list(prompt)
    while len(text) < len(prompt) + most:
        token = int(_forward(text[-1:], len(text) - 1, cache, weights, heads, kv_heads)[0].argmax())
        if token == stop:
            break
        text.append(token)
    return text[len(prompt) :]


@generate.right("the whole text again for each token, without a cache: the same text in more time")
def without_a_cache(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    _check(prompt)
    new: list[int] = []
    for _ in range(most):
        token = int(_forward(prompt + new, 0, [], weights, heads, kv_heads)[-1].argmax())
        if token == stop:
            return new
        new.append(token)
    return new


@generate.wrong("positions start at 0 again after the prompt: the first new token has the position len(prompt)")
def positions_restart(
    prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int
) -> list[int]:
    return _ended(_chosen(prompt, weights, heads, kv_heads, at=lambda place, n: place - n), stop, most)


@generate.wrong("every new token has the position 0: move `start` on by the number of tokens that were fed")
def position_zero(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    return _ended(_chosen(prompt, weights, heads, kv_heads, at=lambda place, n: 0), stop, most)


@generate.wrong("every new token has the position len(prompt): move `start` on after each new token too")
def positions_stand(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    return _ended(_chosen(prompt, weights, heads, kv_heads, at=lambda place, n: n), stop, most)


@generate.wrong("positions are one too low: a prompt of n tokens ends at n − 1, so the first new token has position n")
def one_place_early(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    return _ended(_chosen(prompt, weights, heads, kv_heads, at=lambda place, n: place - 1), stop, most)


@generate.wrong("positions are one too high: positions start at 0, so the first new token has position len(prompt)")
def one_place_late(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    return _ended(_chosen(prompt, weights, heads, kv_heads, at=lambda place, n: place + 1), stop, most)


@generate.wrong("the prompt's last token was fed twice: the prompt's own logits already choose the first new token")
def last_token_twice(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    return _ended(_chosen(prompt, weights, heads, kv_heads, again=True), stop, most)


@generate.wrong("the first row of the prompt's logits chose the first token: the last row follows the whole prompt")
def first_row(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    return _ended(_chosen(prompt, weights, heads, kv_heads, row=0), stop, most)


@generate.wrong("new tokens were fed with an empty cache: then the model sees one token and no text")
def cache_forgotten(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    return _ended(_chosen(prompt, weights, heads, kv_heads, forgets=True), stop, most)


@generate.wrong("the prompt's cache was used for every step: keep the longer cache that `forward` returns")
def cache_of_the_prompt(
    prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int
) -> list[int]:
    return _ended(_chosen(prompt, weights, heads, kv_heads, keeps=False), stop, most)


@generate.wrong("the whole text was fed again on top of the cache: feed only the token that was just chosen")
def text_on_top(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    _check(prompt)
    cache: Cache = []
    new: list[int] = []
    while len(new) < most:
        new.append(int(_forward(prompt + new, 0, cache, weights, heads, kv_heads)[-1].argmax()))
        if new[-1] == stop:
            return new[:-1]
    return new


@generate.wrong("the stop token was kept: the result ends before it")
def stop_kept(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    new = []
    for token in itertools.islice(_chosen(prompt, weights, heads, kv_heads), most):
        new.append(token)
        if token == stop:
            break
    return new


@generate.wrong("generation went on after the stop token: end there")
def never_stops(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    return list(itertools.islice(_chosen(prompt, weights, heads, kv_heads), most))


@generate.wrong("the stop token was left out and generation went on: end at the stop token")
def stop_skipped(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    tokens = itertools.islice(_chosen(prompt, weights, heads, kv_heads), most)
    return [token for token in tokens if token != stop]


@generate.wrong("a stop token in the prompt ended generation: only a new token may end it")
def stop_in_prompt(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    return [] if stop in prompt else _ended(_chosen(prompt, weights, heads, kv_heads), stop, most)


@generate.wrong("the prompt is in the result: return the new tokens only")
def prompt_returned(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    return prompt + _ended(_chosen(prompt, weights, heads, kv_heads), stop, most)


@generate.wrong("`most` counted the tokens of the prompt too: it limits the new tokens")
def most_with_prompt(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    return _ended(_chosen(prompt, weights, heads, kv_heads), stop, max(0, most - len(prompt)))


@generate.wrong("there is one new token too many: stop when there are `most` new tokens, also if `most` is 0")
def one_too_many(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    return _ended(_chosen(prompt, weights, heads, kv_heads), stop, most + 1)


@generate.wrong("the first new token is missing: it is chosen by the logits of the prompt")
def first_token_dropped(
    prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int
) -> list[int]:
    return _ended(_chosen(prompt, weights, heads, kv_heads), stop, most)[1:]


@generate.wrong("the last of equal logits was taken: the smaller id wins")
def last_of_equals(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    def best(logits: Tensor) -> Tensor:
        return (logits == logits.max()).nonzero()[-1]

    return _ended(_chosen(prompt, weights, heads, kv_heads, best=best), stop, most)


@generate.wrong("an empty prompt was accepted: raise ValueError")
def empty_prompt(prompt: list[int], weights: Weights, heads: int, kv_heads: int, stop: int, most: int) -> list[int]:
    return library(prompt, weights, heads, kv_heads, stop, most) if prompt else []
