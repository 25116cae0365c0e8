"""The whole text again for each token, by `model_logits`. The planted mistake and the repairs use a cache."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import PLANTED, oracle
from reference.ch15_model.model_logits import model_logits
from reference.small import HEADS, KV_HEADS, decode, encode, model_weights, story
from reference.symptom import Curve, Symptom, Text

Weights = dict[str, Tensor]
Written = tuple[list[int], Tensor]
Place = Callable[[int, int], int]  # (tokens of the prompt, number of the pass) -> the position of its first token

TABLE, GAIN = "model.embed_tokens.weight", "model.norm.weight"


@oracle
def hunt_falls_apart(prompt: list[int], weights: Weights, heads: int, kv_heads: int, most: int) -> Written:
    text, logs = list(prompt), []
    for _ in range(most):
        p = torch.softmax(_after(text, weights, heads, kv_heads), -1)
        text.append(int((p == p.max()).nonzero()[0]))
        logs.append(p[text[-1]].log())
    return text[len(prompt) :], torch.stack(logs)


def _after(text: list[int], weights: Weights, heads: int, kv_heads: int) -> Tensor:
    """The logits after a text."""
    return model_logits(torch.tensor([text]), weights, heads, kv_heads)[0, -1]


def lead(prompt: list[int], new: list[int], weights: Weights, heads: int, kv_heads: int) -> float:
    """The least lead of the new tokens over the next best logit. If it is near 0, rounding decides between texts."""
    logits = model_logits(torch.tensor([prompt + new]), weights, heads, kv_heads)[0, len(prompt) - 1 : -1]
    return float((logits.topk(2).values @ torch.tensor([1.0, -1.0])).min())


# A text with a cache. The first pass reads the prompt, and pass `step` reads new token number step − 1.


def _right(n: int, step: int) -> int:
    return n + step - 1 if step else 0


def _by_step(n: int, step: int) -> int:
    return step


def _written(
    prompt: list[int],
    weights: Weights,
    heads: int,
    kv_heads: int,
    most: int,
    queries: Place = _right,
    keys: Place | None = None,
    keeps: bool = True,
    again: bool = False,
    turns: float = 1.0,
) -> Written:
    """Tokens from a cache. The arguments say what is done differently.

    queries, keys  the positions that they are turned by; keys like queries if not given
    keeps          new tokens go into the cache; if not, only the prompt is in it
    again          a token may be written again
    turns          what the angles of new tokens are multiplied by
    """
    cache: list[tuple[Tensor, Tensor]] = []
    ids, new, logs = prompt, list[int](), list[Tensor]()
    for step in range(most):
        x, longer = F.embedding(torch.tensor([ids]), weights[TABLE]), []
        for i in range(sum(name.endswith("q_proj.weight") for name in weights)):
            w = {name.split(".")[-2]: t for name, t in weights.items() if name.startswith(f"model.layers.{i}.")}
            seen = F.rms_norm(x, x.shape[-1:], w["input_layernorm"], 1e-6)
            q, k, v = (
                F.linear(seen, w[f"{name}_proj"]).reshape(1, len(ids), count, -1).transpose(1, 2)
                for name, count in (("q", heads), ("k", kv_heads), ("v", kv_heads))
            )
            scale = turns if step else 1.0
            q = _turned(q, queries(len(prompt), step), scale)
            k = _turned(k, (keys or queries)(len(prompt), step), scale)
            if step:
                k, v = torch.cat([cache[i][0], k], 2), torch.cat([cache[i][1], v], 2)
            longer.append((k, v))
            sees = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(k.shape[2] - q.shape[2])
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=sees, enable_gqa=True)
            x = x + F.linear(mixed.transpose(1, 2).flatten(2), w["o_proj"])
            seen = F.rms_norm(x, x.shape[-1:], w["post_attention_layernorm"], 1e-6)
            x = x + F.linear(F.silu(F.linear(seen, w["gate_proj"])) * F.linear(seen, w["up_proj"]), w["down_proj"])
        cache = longer if keeps or not step else cache
        logits = F.linear(F.rms_norm(x[0, -1], x.shape[-1:], weights[GAIN], 1e-6), weights[TABLE])
        if again:
            logits = logits.index_fill(0, torch.tensor(new, dtype=torch.int64), -torch.inf)
        new.append(int(logits.argmax()))
        logs.append(torch.log_softmax(logits, -1)[new[-1]])
        ids = new[-1:]
    return new, torch.stack(logs)


def _turned(x: Tensor, start: int, turns: float) -> Tensor:
    """RoPE as a product of complex numbers, at positions start, start + 1, ..."""
    n, width = x.shape[-2:]
    places = torch.arange(start, start + n, dtype=torch.float32)
    angles = turns * torch.outer(places, 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float32) / width))
    pairs = torch.complex(*x.chunk(2, -1)) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([pairs.real, pairs.imag], -1)


@hunt_falls_apart.right("positions counted from the prompt's length and the number of the pass")
def counted_from_the_prompt(prompt: list[int], weights: Weights, heads: int, kv_heads: int, most: int) -> Written:
    return _written(prompt, weights, heads, kv_heads, most)


@hunt_falls_apart.right("the prompt at positions up to 0, the new tokens behind it: RoPE sees only distances")
def prompt_before_zero(prompt: list[int], weights: Weights, heads: int, kv_heads: int, most: int) -> Written:
    return _written(prompt, weights, heads, kv_heads, most, lambda n, step: step if step else 1 - n)


@hunt_falls_apart.right("the whole text again for each token, without a cache")
def without_a_cache(prompt: list[int], weights: Weights, heads: int, kv_heads: int, most: int) -> Written:
    new, logs = list[int](), list[Tensor]()
    for _ in range(most):
        one, log = _written(prompt + new, weights, heads, kv_heads, 1)
        new, logs = new + one, [*logs, log]
    return new, torch.cat(logs)


@hunt_falls_apart.wrong(PLANTED)
def planted(prompt: list[int], weights: Weights, heads: int, kv_heads: int, most: int) -> Written:
    return _written(prompt, weights, heads, kv_heads, most, _by_step)


@hunt_falls_apart.wrong("every new token got the position behind the prompt: only the first of them stands there")
def behind_the_prompt(prompt: list[int], weights: Weights, heads: int, kv_heads: int, most: int) -> Written:
    return _written(prompt, weights, heads, kv_heads, most, lambda n, step: n if step else 0)


@hunt_falls_apart.wrong(
    "the new tokens begin at the position of the prompt's last token: they begin one place later, behind it"
)
def one_place_early(prompt: list[int], weights: Weights, heads: int, kv_heads: int, most: int) -> Written:
    return _written(prompt, weights, heads, kv_heads, most, lambda n, step: n + step - 2 if step else 0)


@hunt_falls_apart.wrong("there is a gap of one position behind the prompt: the prompt ends at its length − 1")
def one_place_late(prompt: list[int], weights: Weights, heads: int, kv_heads: int, most: int) -> Written:
    return _written(prompt, weights, heads, kv_heads, most, lambda n, step: n + step if step else 0)


@hunt_falls_apart.wrong(
    "the number of the pass was added to the length of the cache, which counts the new tokens already"
)
def counted_twice(prompt: list[int], weights: Weights, heads: int, kv_heads: int, most: int) -> Written:
    return _written(prompt, weights, heads, kv_heads, most, lambda n, step: n + 2 * step - 1 if step else 0)


@hunt_falls_apart.wrong("only the new queries got the right positions: the new keys in the cache still have wrong ones")
def only_queries(prompt: list[int], weights: Weights, heads: int, kv_heads: int, most: int) -> Written:
    return _written(prompt, weights, heads, kv_heads, most, _right, _by_step)


@hunt_falls_apart.wrong("only the new keys got the right positions: the new queries still have wrong ones")
def only_keys(prompt: list[int], weights: Weights, heads: int, kv_heads: int, most: int) -> Written:
    return _written(prompt, weights, heads, kv_heads, most, _by_step, _right)


@hunt_falls_apart.wrong(
    "the new tokens were not turned, or turned by the position 0: their places are behind the prompt"
)
def not_turned(prompt: list[int], weights: Weights, heads: int, kv_heads: int, most: int) -> Written:
    return _written(prompt, weights, heads, kv_heads, most, _right, turns=0.0)


@hunt_falls_apart.wrong(
    "the new tokens were kept out of the cache: the model no longer sees what it wrote, and the cause is still there"
)
def not_kept(prompt: list[int], weights: Weights, heads: int, kv_heads: int, most: int) -> Written:
    return _written(prompt, weights, heads, kv_heads, most, _by_step, keeps=False)


@hunt_falls_apart.wrong("repeated tokens were forbidden: the text looks livelier, and the cause is still there")
def no_repeats(prompt: list[int], weights: Weights, heads: int, kv_heads: int, most: int) -> Written:
    return _written(prompt, weights, heads, kv_heads, most, _by_step, again=True)


@hunt_falls_apart.wrong("the text of the planted mistake was kept, and only its probabilities were computed anew")
def scored_again(prompt: list[int], weights: Weights, heads: int, kv_heads: int, most: int) -> Written:
    new, _ = _written(prompt, weights, heads, kv_heads, most, _by_step)
    return new, _log_p(prompt, new, weights, heads, kv_heads)


def _log_p(prompt: list[int], new: list[int], weights: Weights, heads: int, kv_heads: int) -> Tensor:
    """The log-probability of each new token by one pass over the whole text."""
    return _all_log_p(prompt, new, weights, heads, kv_heads)[torch.arange(len(new)), torch.tensor(new)]


def _all_log_p(prompt: list[int], new: list[int], weights: Weights, heads: int, kv_heads: int) -> Tensor:
    """The log-probability of every token at the place of each new one, by one pass over the whole text."""
    logits = model_logits(torch.tensor([prompt + new]), weights, heads, kv_heads)[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits, -1)


WORDS, WRITTEN = 12, 30  # words of the prompt, and tokens to write


@hunt_falls_apart.symptom("mean distance of each log-probability to the best one by a pass without a cache, in nats")
def symptom(run: Callable[..., Written], seed: int) -> Symptom:
    opening = " ".join(story(seed).split()[:WORDS])
    prompt, model = encode(opening), model_weights()
    new, logs = run(prompt, model, HEADS, KV_HEADS, WRITTEN)
    log_p = _all_log_p(prompt, new, model, HEADS, KV_HEADS)
    losses = tuple((-log_p[torch.arange(len(new)), torch.tensor(new)]).tolist())
    return Symptom(
        round(float((logs - log_p.amax(-1)).abs().mean()), 4),
        (
            Text("the prompt | the text", f"{opening} |{decode(new)}"),
            Curve("the loss of each new token", losses, x="new token", y="nats"),
        ),
    )
