"""Token by token with Python's numbers: divide, rank, add up, walk. The repairs use tensors."""

import math
import re
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from reference import PLANTED, oracle
from reference.ch09_decoding.sample import sample
from reference.ch09_decoding.temperature import temperature
from reference.small import story
from reference.symptom import Counts, Symptom, Text

Drawn = tuple[list[int], list[int]]


@oracle
def hunt_same_few_tokens(table: Tensor, start: int, end: int, u: Tensor, t: float, mass: float, again: float) -> Drawn:
    text, counts, rows = list[int](), list[int](), table.tolist()
    for number in u.tolist():
        row = rows[text[-1] if text else start]
        scores = [score - again * (token in text) for token, score in enumerate(row)]
        ranked = sorted(range(len(row)), key=lambda token, scores=scores: -scores[token])  # type: ignore[misc]
        largest = max(scores)
        weights = [math.exp((score - largest) / t) for score in scores]
        nucleus, reached, whole = list[int](), 0.0, sum(weights)
        for token in ranked:
            nucleus.append(token)
            reached += weights[token] / whole
            if reached >= mass:
                break
        drawn, spot = -1, number * sum(weights[token] for token in nucleus)
        for token in sorted(nucleus):
            if weights[token] and spot >= 0:
                drawn, spot = token, spot - weights[token]
        text.append(drawn)
        counts.append(sum(weights[token] > 0 for token in nucleus))
        if drawn == end:
            break
    return text, counts


# The repairs. A `Distribution` makes probabilities of logits, the temperature and the mass.

Distribution = Callable[[Tensor, float, float], Tensor]
Lowered = Callable[[Tensor, list[int], float, float], Tensor]


def _top_p(p: Tensor, mass: float) -> Tensor:
    """`top_p` by a sort: its reference compares all pairs of tokens, which takes long for a large vocabulary."""
    ranked, ids = torch.sort(p, descending=True, stable=True)
    before = ranked.cumsum(0) - ranked
    kept = torch.zeros_like(p).index_put((ids,), ranked * ((before < mass) | (before == 0)))
    return kept / kept.sum()


def _nucleus_last(scores: Tensor, t: float, mass: float) -> Tensor:
    return _top_p(temperature(scores, t), mass)


def _temperature_last(scores: Tensor, t: float, mass: float) -> Tensor:
    return temperature(_top_p(torch.softmax(scores, -1), mass).log(), t)


def _lower(scores: Tensor, text: list[int], again: float, t: float) -> Tensor:
    return scores - again * torch.bincount(torch.tensor(text, dtype=torch.int64), minlength=len(scores)).clamp(max=1)


def _drawn(
    table: Tensor,
    start: int,
    end: int,
    u: Tensor,
    t: float,
    mass: float,
    again: float,
    distribution: Distribution = _nucleus_last,
    counted: Distribution | None = None,
    lowered: Lowered = _lower,
) -> Drawn:
    """A random text. `distribution` is drawn from, `counted` is what the log counts, and `lowered` are the logits."""
    text, counts = list[int](), list[int]()
    for number in u:
        scores = lowered(table[text[-1] if text else start], text, again, t)
        p = distribution(scores, t, mass)
        text.append(int(sample(p, number)))
        counts.append(int(((counted or distribution)(scores, t, mass) > 0).sum()))
        if text[-1] == end:
            break
    return text, counts


@hunt_same_few_tokens.right("the temperature first, and then the nucleus")
def temperature_first(table: Tensor, start: int, end: int, u: Tensor, t: float, mass: float, again: float) -> Drawn:
    return _drawn(table, start, end, u, t, mass, again)


@hunt_same_few_tokens.right(
    "the tokens ranked by their probability at the temperature, and taken until the mass is reached"
)
def by_rank(table: Tensor, start: int, end: int, u: Tensor, t: float, mass: float, again: float) -> Drawn:
    def distribution(scores: Tensor, t: float, mass: float) -> Tensor:
        p = temperature(scores, t)
        kept, reached = torch.zeros_like(p), 0.0
        for token in sorted(range(len(p)), key=lambda token: -float(p[token])):
            kept[token], reached = p[token], reached + float(p[token])
            if reached >= mass:
                break
        return kept

    return _drawn(table, start, end, u, t, mass, again, distribution)


@hunt_same_few_tokens.right(
    "a token is in the nucleus if the more likely ones do not reach the mass at the temperature"
)
def by_the_tokens_before(table: Tensor, start: int, end: int, u: Tensor, t: float, mass: float, again: float) -> Drawn:
    def distribution(scores: Tensor, t: float, mass: float) -> Tensor:
        p = temperature(scores, t)
        earlier = torch.ones(len(p), len(p), dtype=torch.bool).tril(-1)
        ahead = (p > p[:, None]) | ((p == p[:, None]) & earlier)
        return p * (((ahead * p).sum(1) < mass) | ~ahead.any(1))

    return _drawn(table, start, end, u, t, mass, again, distribution)


@hunt_same_few_tokens.wrong(PLANTED)
def planted(table: Tensor, start: int, end: int, u: Tensor, t: float, mass: float, again: float) -> Drawn:
    return _drawn(table, start, end, u, t, mass, again, _temperature_last)


@hunt_same_few_tokens.wrong("the temperature was applied before and after top_p: applied twice, it counts double")
def temperature_twice(table: Tensor, start: int, end: int, u: Tensor, t: float, mass: float, again: float) -> Drawn:
    def distribution(scores: Tensor, t: float, mass: float) -> Tensor:
        return temperature(_nucleus_last(scores, t, mass).log(), t)

    return _drawn(table, start, end, u, t, mass, again, distribution)


@hunt_same_few_tokens.wrong("the temperature was left out: now it changes nothing at all")
def no_temperature(table: Tensor, start: int, end: int, u: Tensor, t: float, mass: float, again: float) -> Drawn:
    return _drawn(table, start, end, u, t, mass, again, lambda scores, t, mass: _nucleus_last(scores, 1.0, mass))


@hunt_same_few_tokens.wrong("top_p was left out: the number of tokens now grows, and every odd token can be drawn")
def no_nucleus(table: Tensor, start: int, end: int, u: Tensor, t: float, mass: float, again: float) -> Drawn:
    return _drawn(table, start, end, u, t, mass, again, lambda scores, t, mass: temperature(scores, t))


@hunt_same_few_tokens.wrong(
    "the mass was made larger for a high temperature and smaller for a low one: it must be reached as it is given"
)
def mass_scaled(table: Tensor, start: int, end: int, u: Tensor, t: float, mass: float, again: float) -> Drawn:
    def distribution(scores: Tensor, t: float, mass: float) -> Tensor:
        return _temperature_last(scores, t, min(1.0, mass * t))

    return _drawn(table, start, end, u, t, mass, again, distribution)


@hunt_same_few_tokens.wrong(
    "the nucleus was found at the temperature, but drawn from at temperature 1: both belong to one distribution"
)
def drawn_at_one(table: Tensor, start: int, end: int, u: Tensor, t: float, mass: float, again: float) -> Drawn:
    def distribution(scores: Tensor, t: float, mass: float) -> Tensor:
        inside = _top_p(temperature(scores, t), mass) > 0
        return torch.softmax(scores.masked_fill(~inside, -torch.inf), -1)

    return _drawn(table, start, end, u, t, mass, again, distribution)


@hunt_same_few_tokens.wrong("only the count in the log was mended: the tokens are drawn as before")
def count_mended(table: Tensor, start: int, end: int, u: Tensor, t: float, mass: float, again: float) -> Drawn:
    return _drawn(table, start, end, u, t, mass, again, _temperature_last, _nucleus_last)


@hunt_same_few_tokens.wrong(
    "the temperature came first, before the logits were lowered: then `again` is not divided by it"
)
def divided_before_lowering(
    table: Tensor, start: int, end: int, u: Tensor, t: float, mass: float, again: float
) -> Drawn:
    def lowered(scores: Tensor, text: list[int], again: float, t: float) -> Tensor:
        return _lower(scores / t, text, again, t)

    def distribution(scores: Tensor, t: float, mass: float) -> Tensor:
        return _nucleus_last(scores, 1.0, mass)

    return _drawn(table, start, end, u, t, mass, again, distribution, lowered=lowered)


STORIES, DRAWN = 30, 30  # the bigram model of the symptom, and the tokens of its text
BEGIN = "."


@hunt_same_few_tokens.symptom("tokens that could have been drawn at a place at temperature 2, mean")
def symptom(run: Callable[..., Drawn], seed: int) -> Symptom:
    words, table = _bigrams(range(STORIES * seed, STORIES * seed + STORIES))
    u = torch.rand(DRAWN, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
    texts, means = dict[float, str](), dict[float, float]()
    for t in (0.3, 1.0, 2.0):
        text, counts = run(table, words.index(BEGIN), len(words), u, t, 0.9, 1.0)
        texts[t], means[t] = "".join(words[i] for i in text), sum(counts) / len(counts)
    return Symptom(
        means[2.0],
        (
            Counts(
                "tokens that could have been drawn", {f"temperature {t}": mean for t, mean in means.items()}, "tokens"
            ),
            Text("a text at temperature 0.3", texts[0.3]),
            Text("a text at temperature 2", texts[2.0]),
        ),
    )


def _bigrams(numbers: range) -> tuple[list[str], Tensor]:
    """(the words of some stories, the logits of the word after each word: the logarithm of how often it follows it)."""
    told = [re.findall(r" ?\w+|[^\w ]", story(number)) for number in numbers]
    words = sorted({word for text in told for word in text})
    place = {word: i for i, word in enumerate(words)}
    counts = torch.full((len(words), len(words)), 1e-4)
    for text in told:
        for left, right in pairwise(text):
            counts[place[left], place[right]] += 1
    return words, counts.log()
