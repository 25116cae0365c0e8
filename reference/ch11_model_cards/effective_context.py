"""A table of marks by length, up to the first failure. The perplexity as a product of roots."""

import math
from collections.abc import Callable
from itertools import takewhile

from reference import oracle

Trials = list[tuple[int, bool]]


def _table(trials: Trials) -> dict[int, float]:
    """The share found by length, shortest length first."""
    if len(trials) == 0:
        raise ValueError("nothing was tried")
    table: dict[int, list[bool]] = {}
    for length, hit in trials:
        table.setdefault(length, []).append(hit)
    return {length: table[length].count(True) / len(table[length]) for length in sorted(table)}


@oracle
def effective_context(trials: Trials, bar: float) -> int:
    return max(takewhile(lambda length: _table(trials)[length] >= bar, _table(trials)), default=0)


def _passing(trials: Trials, bar: float, passes: Callable[[float, float], bool] = lambda s, b: s >= b) -> list[int]:
    return list(takewhile(lambda length: passes(_table(trials)[length], bar), _table(trials)))


@effective_context.right("the longest length below the shortest that fails")
def below_the_first_failure(trials: Trials, bar: float) -> int:
    table = _table(trials)
    first = min((length for length, share in table.items() if share < bar), default=max(table) + 1)
    return max((length for length in table if length < first), default=0)


@effective_context.wrong("a length was accepted although a shorter length failed: stop at the first length that fails")
def last_passing(trials: Trials, bar: float) -> int:
    return max((length for length, share in _table(trials).items() if share >= bar), default=0)


@effective_context.wrong("the longest tested length was returned: return the longest length up to which all pass")
def longest_tested(trials: Trials, bar: float) -> int:
    return max(_table(trials))


@effective_context.wrong("the first length that fails was returned: return the last length before it")
def first_failure(trials: Trials, bar: float) -> int:
    return next((length for length, share in _table(trials).items() if share < bar), max(_table(trials)))


@effective_context.wrong("a length had to be above `bar`: a share equal to `bar` is enough")
def above_the_bar(trials: Trials, bar: float) -> int:
    return max(_passing(trials, bar, lambda s, b: s > b), default=0)


@effective_context.wrong("the lengths were taken in the order of the trials: sort them")
def unsorted(trials: Trials, bar: float) -> int:
    table, longest = _table(trials), 0
    for length in dict.fromkeys(length for length, _ in trials):
        if table[length] < bar:
            break
        longest = length
    return longest


@effective_context.wrong("all trials up to a length were averaged: good short lengths then hide a length that fails")
def running_mean(trials: Trials, bar: float) -> int:
    longest = 0
    for length in _table(trials):
        hits = [hit for other, hit in trials if other <= length]
        if sum(hits) / len(hits) < bar:
            break
        longest = length
    return longest


@effective_context.wrong("one success was enough for a length: the share of its trials must reach the bar")
def any_success(trials: Trials, bar: float) -> int:
    return max(_passing(trials, bar, lambda s, b: s > 0), default=0)


@effective_context.wrong("every trial had to succeed: the required share `bar` can be lower than 1")
def all_successes(trials: Trials, bar: float) -> int:
    return max(_passing(trials, bar, lambda s, b: s == 1), default=0)


@effective_context.wrong("only the last trial of each length counted: use the share of all its trials")
def last_trial(trials: Trials, bar: float) -> int:
    return effective_context.fn(list(dict(trials).items()), bar)


@effective_context.wrong("the number of lengths that pass was returned: return a length in tokens")
def count_of_lengths(trials: Trials, bar: float) -> int:
    return len(_passing(trials, bar))


@effective_context.wrong("the shortest length was returned although it fails: return 0")
def shortest_at_least(trials: Trials, bar: float) -> int:
    return max(_passing(trials, bar), default=min(_table(trials)))


@effective_context.wrong("an empty list of trials gave 0: raise ValueError")
def zero_for_none(trials: Trials, bar: float) -> int:
    return effective_context.fn(trials, bar) if trials else 0


@oracle
def perplexity(probabilities: list[float]) -> float:
    if len(probabilities) == 0:
        raise ValueError("no tokens")
    result = 1.0
    for p in probabilities:
        result *= math.inf if p == 0 else (1 / p) ** (1 / len(probabilities))
    return result


@perplexity.right("in bits: 2 to the mean of −log2 p")
def in_bits(probabilities: list[float]) -> float:
    if not probabilities:
        raise ValueError("no tokens")
    bits = [-math.log2(p) if p else math.inf for p in probabilities]
    return 2 ** (sum(bits) / len(bits)) if math.isfinite(sum(bits)) else math.inf


@perplexity.wrong("the result is 1 / mean probability: take the mean of the logarithms")
def of_the_mean(probabilities: list[float]) -> float:
    perplexity.fn(probabilities)
    total = sum(probabilities)
    return len(probabilities) / total if total else math.inf


@perplexity.wrong("the mean of 1 / p was taken: one small p then outweighs all others. Take the mean of the logarithms")
def mean_of_inverses(probabilities: list[float]) -> float:
    perplexity.fn(probabilities)
    return sum(1 / p if p else math.inf for p in probabilities) / len(probabilities)


@perplexity.wrong("the mean of −log p was returned: that is the loss. Return e to that power")
def loss(probabilities: list[float]) -> float:
    return math.log(perplexity.fn(probabilities))


@perplexity.wrong("the sum of −log p was used: divide the sum by the number of tokens")
def of_the_sum(probabilities: list[float]) -> float:
    return min(perplexity.fn(probabilities) ** len(probabilities), math.inf) if len(probabilities) < 300 else math.inf


@perplexity.wrong("2 was raised to a mean of natural logarithms: use base e with them")
def mixed_bases(probabilities: list[float]) -> float:
    value = perplexity.fn(probabilities)
    return 2 ** math.log(value) if math.isfinite(value) else value


@perplexity.wrong("the sign is wrong: use the mean of −log p. A perplexity is at least 1")
def sign(probabilities: list[float]) -> float:
    return 1 / perplexity.fn(probabilities)


@perplexity.wrong("a probability of 0 was skipped: the perplexity is then infinite")
def passes_over_zero(probabilities: list[float]) -> float:
    perplexity.fn(probabilities)
    return perplexity.fn([p for p in probabilities if p] or [1.0])


@perplexity.wrong("a text without tokens gave 1: raise ValueError")
def one_for_none(probabilities: list[float]) -> float:
    return perplexity.fn(probabilities) if probabilities else 1.0


@perplexity.wrong("e was raised to a mean of base-2 logarithms: use base 2 with them")
def mixed_bases_of_two(probabilities: list[float]) -> float:
    value = perplexity.fn(probabilities)
    return math.exp(math.log2(value)) if math.isfinite(value) else value


@perplexity.wrong(
    "all probabilities were multiplied first: with a few hundred tokens the product becomes 0. Add logarithms"
)
def product_first(probabilities: list[float]) -> float:
    perplexity.fn(probabilities)
    product = math.prod(probabilities)
    return product ** (-1 / len(probabilities)) if product else math.inf


@perplexity.wrong("math.log raised an error for a probability of 0: return infinity")
def log_of_zero(probabilities: list[float]) -> float:
    perplexity.fn(probabilities)
    return math.exp(-sum(math.log(p) for p in probabilities) / len(probabilities))
