"""Every text anew in each step, without a cache. The planted mistake and most repairs have caches that are shared."""

import copy
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from reference import PLANTED, oracle
from reference.ch09_decoding.kv_cache_step import kv_cache_step
from reference.symptom import Counts, Symptom

Model = dict[str, Tensor]
Cache = list[dict[str, Tensor]]
Found = tuple[list[list[int]], Tensor]


@oracle
def hunt_worse_with_beams(prompt: list[int], model: Model, beams: int, most: int) -> Found:
    return _search(prompt, model, beams, most)


def _search(prompt: list[int], model: Model, beams: int, most: int) -> Found:
    live = [(torch.zeros_like(model["table"][0, 0]), list[int]())]
    for _ in range(most):
        rows = [total + _log_p([*prompt, *text], model)[-1] for total, text in live]
        grown = [(value, i, token) for i, row in enumerate(rows) for token, value in enumerate(row.tolist())]
        kept = sorted(grown, key=lambda entry: -entry[0])[:beams]
        live = [(rows[i][token], [*live[i][1], token]) for _, i, token in kept]
    return [text for _, text in live], torch.stack([total for total, _ in live])


def _log_p(ids: list[int], model: Model) -> Tensor:
    """The log-probabilities of the token after each token, (n, v), by one pass over all of them."""
    x = torch.stack([model["table"][i] for i in ids])
    for layer in range(_layers(model)):
        h = x + model["positions"][: len(ids)]
        q, k, v = (h @ model[f"{layer}.{name}"].T for name in "qkv")
        scores = q @ k.T / x.shape[1] ** 0.5
        e = torch.exp(scores - scores.amax(-1, keepdim=True)).tril()
        x = x + e @ v / e.sum(-1, keepdim=True)
    logits = x @ model["table"].T
    return logits - torch.logsumexp(logits, -1, keepdim=True)


def _layers(model: Model) -> int:
    return sum(name.endswith(".q") for name in model)


def margin(prompt: list[int], model: Model, beams: int, most: int) -> float:
    """How clearly a search decides: the least distance between neighbors in the order of the results, up to the first
    one that is dropped. If it is near 0, rounding decides between texts."""
    least, live = float("inf"), [(0.0, list[int]())]
    for _ in range(most):
        grown = [
            (total + step, [*text, token])
            for total, text in live
            for token, step in enumerate(_log_p(prompt + text, model)[-1].tolist())
        ]
        ranked = sorted(grown, key=lambda entry: -entry[0])[: beams + 1]
        least = min([least, *(better[0] - worse[0] for better, worse in pairwise(ranked))])
        live = ranked[:beams]
    return least


def score(prompt: list[int], text: list[int], model: Model) -> Tensor:
    """The log-probability of a text by one pass over all of it."""
    rows = _log_p(prompt + text, model)[len(prompt) - 1 : -1]
    return rows[torch.arange(len(text)), torch.tensor(text)].sum()


# Searches with caches. A `Handed` gives each new text its cache, from the caches of the old texts, each new text's
# parent, and the cache of the prompt. A `Cut` changes a cache before it is read, so that it has some length.

Handed = Callable[[list[Cache], list[int], Cache], list[Cache]]
Cut = Callable[[Cache, int], Cache]


def _shared(caches: list[Cache], parents: list[int], first: Cache) -> list[Cache]:
    return [caches[parent] for parent in parents]


def _copied(caches: list[Cache], parents: list[int], first: Cache) -> list[Cache]:
    return [copy.deepcopy(caches[parent]) for parent in parents]


def _with_caches(
    prompt: list[int],
    model: Model,
    beams: int,
    most: int,
    handed: Handed,
    cut: Cut = lambda cache, length: cache,
    siblings: bool = True,
) -> Found:
    """A search with a cache for each text. Without `siblings` a text has one successor, from the second step on."""
    d = model["table"].shape[1]
    caches: list[Cache] = [[{"k": torch.zeros(1, 0, d), "v": torch.zeros(1, 0, d)} for _ in range(_layers(model))]]
    first: Cache = []
    live = [(torch.zeros(()), list[int]())]
    for step in range(most):
        grown = []
        for number, (total, text) in enumerate(live):
            cache = cut(caches[number], len(prompt) + len(text) - 1 if text else 0)
            log_p = _after(text[-1:] or prompt, model, cache)
            ranked = [(total + one, [*text, token], number) for token, one in enumerate(log_p)]
            grown += ranked if siblings or not step else [max(ranked, key=lambda entry: float(entry[0]))]
        first = first or copy.deepcopy(caches[0])
        kept = sorted(grown, key=lambda entry: -float(entry[0]))[:beams]
        caches = handed(caches, [parent for *_, parent in kept], first)
        live = [(total, text) for total, text, _ in kept]
    return [text for _, text in live], torch.stack([total for total, _ in live])


def _after(ids: list[int], model: Model, cache: Cache) -> Tensor:
    """The log-probabilities after `ids`, (v,). The cache is extended in place."""
    x = model["table"][torch.tensor(ids)][None]
    for i, layer in enumerate(cache):
        q, k, v = (model[f"{i}.{name}"] for name in "qkv")
        out, layer["k"], layer["v"] = kv_cache_step(x, layer["k"], layer["v"], q, k, v, model["positions"])
        x = x + out
    return torch.log_softmax(model["table"] @ x[0, -1], 0)


@hunt_worse_with_beams.right("a deep copy of the parent's cache for each new text")
def deep_copies(prompt: list[int], model: Model, beams: int, most: int) -> Found:
    return _with_caches(prompt, model, beams, most, _copied)


@hunt_worse_with_beams.right("the first successor of a text takes over its cache, and all others get a copy")
def first_takes_over(prompt: list[int], model: Model, beams: int, most: int) -> Found:
    def handed(caches: list[Cache], parents: list[int], first: Cache) -> list[Cache]:
        return [
            caches[parent] if parent not in parents[:i] else [dict(layer) for layer in caches[parent]]
            for i, parent in enumerate(parents)
        ]

    return _with_caches(prompt, model, beams, most, handed)


@hunt_worse_with_beams.right("no cache: each text is read from its beginning in each step")
def without_a_cache(prompt: list[int], model: Model, beams: int, most: int) -> Found:
    kept: dict[tuple[int, ...], Tensor] = {(): torch.tensor(0.0)}
    for _ in range(most):
        grown = {
            (*text, token): total + step
            for text, total in kept.items()
            for token, step in enumerate(_log_p([*prompt, *text], model)[-1])
        }
        kept = dict(sorted(grown.items(), key=lambda entry: -float(entry[1]))[:beams])
    return [list(text) for text in kept], torch.stack(list(kept.values()))


@hunt_worse_with_beams.wrong(PLANTED)
def planted(prompt: list[int], model: Model, beams: int, most: int) -> Found:
    return _with_caches(prompt, model, beams, most, _shared)


@hunt_worse_with_beams.wrong("only the cache of the first layer was copied: texts still share the caches of the others")
def first_layer_copied(prompt: list[int], model: Model, beams: int, most: int) -> Found:
    def handed(caches: list[Cache], parents: list[int], first: Cache) -> list[Cache]:
        return [[{**layer} if i == 0 else layer for i, layer in enumerate(caches[parent])] for parent in parents]

    return _with_caches(prompt, model, beams, most, handed)


@hunt_worse_with_beams.wrong("only the most probable text got a copy of its own: the others still share one")
def best_copied(prompt: list[int], model: Model, beams: int, most: int) -> Found:
    def handed(caches: list[Cache], parents: list[int], first: Cache) -> list[Cache]:
        return [copy.deepcopy(caches[parents[0]]), *(caches[parent] for parent in parents[1:])]

    return _with_caches(prompt, model, beams, most, handed)


@hunt_worse_with_beams.wrong(
    "caches were cut to the length of the text: the length is right, and another text's keys are still in them"
)
def cut_to_length(prompt: list[int], model: Model, beams: int, most: int) -> Found:
    def cut(cache: Cache, length: int) -> Cache:
        for layer in cache:
            layer |= {name: t[:, :length] for name, t in layer.items()}
        return cache

    return _with_caches(prompt, model, beams, most, _shared, cut)


@hunt_worse_with_beams.wrong(
    "the cache was copied while it was read: new keys go into the copy, and no cache ever grows"
)
def copied_while_read(prompt: list[int], model: Model, beams: int, most: int) -> Found:
    def cut(cache: Cache, length: int) -> Cache:
        return [dict(layer) for layer in cache]

    return _with_caches(prompt, model, beams, most, _shared, cut)


@hunt_worse_with_beams.wrong("every text went on with a copy of the prompt's cache: its own earlier tokens are lost")
def prompt_copied(prompt: list[int], model: Model, beams: int, most: int) -> Found:
    def handed(caches: list[Cache], parents: list[int], first: Cache) -> list[Cache]:
        return [copy.deepcopy(first) for _ in parents]

    return _with_caches(prompt, model, beams, most, handed)


@hunt_worse_with_beams.wrong(
    "new texts got copies of the caches in their old order: each needs the cache of its parent"
)
def not_reordered(prompt: list[int], model: Model, beams: int, most: int) -> Found:
    def handed(caches: list[Cache], parents: list[int], first: Cache) -> list[Cache]:
        return [copy.deepcopy(caches[min(i, len(caches) - 1)]) for i in range(len(parents))]

    return _with_caches(prompt, model, beams, most, handed)


@hunt_worse_with_beams.wrong(
    "only one successor of each text was kept: nothing is shared any more, and probable texts are lost"
)
def one_successor(prompt: list[int], model: Model, beams: int, most: int) -> Found:
    return _with_caches(prompt, model, beams, most, _copied, siblings=False)


@hunt_worse_with_beams.wrong("the scores were computed anew at the end: the search was still led by the wrong ones")
def scored_again(prompt: list[int], model: Model, beams: int, most: int) -> Found:
    texts, _ = _with_caches(prompt, model, beams, most, _shared)
    ranked = sorted(((score(prompt, text, model), text) for text in texts), key=lambda entry: -float(entry[0]))
    return [text for _, text in ranked], torch.stack([total for total, _ in ranked])


SIZE, WIDTH, TOKENS = 16, 12, 10  # of the symptom: vocabulary, width, tokens of a text


def random_model(seed: int, size: int, d: int, layers: int, rows: int) -> Model:
    """A model whose next token depends on all tokens before it and on their places."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float32)

    model = {"table": drawn(size, d) / d**0.3, "positions": drawn(rows, d)}
    scales = {"q": 1.5, "k": 1.5, "v": 1.2}
    return model | {f"{i}.{name}": scales[name] * drawn(d, d) / d**0.5 for i in range(layers) for name in "qkv"}


@hunt_worse_with_beams.symptom(
    "distance of the reported log-probability to a search that reads each text anew, in nats"
)
def symptom(run: Callable[..., Found], seed: int) -> Symptom:
    true, reported, distances = dict[int, float](), dict[int, float](), list[float]()
    counts, models = (1, 2, 4), range(6 * seed, 6 * seed + 6)
    for beams in counts:
        both = []
        for number in models:
            model = random_model(number, SIZE, WIDTH, 2, 100)
            texts, totals = run([1, 2, 3], model, beams, TOKENS)
            both.append((float(score([1, 2, 3], texts[0], model)), float(totals[0])))
            distances.append(abs(float(totals[0]) - float(_search([1, 2, 3], model, beams, TOKENS)[1][0])))
        true[beams], reported[beams] = (sum(column) / len(both) for column in zip(*both, strict=True))
    return Symptom(
        round(sum(distances) / len(distances), 4),
        (
            Counts("log-probability by a whole pass", _by_beams(true), "nats"),
            Counts("log-probability as reported", _by_beams(reported), "nats"),
        ),
    )


def _by_beams(values: dict[int, float]) -> dict[str, float | None]:
    return {f"{beams} beam{'s' if beams > 1 else ''}": value for beams, value in values.items()}
