"""Weighs each token's −ln p by its share of the text."""

import math
from collections.abc import Sequence

import torch

from reference import oracle

Losses = tuple[float, float]


@oracle
def loss_at_init(counts: Sequence[int]) -> Losses:
    if not any(counts):
        raise ValueError("no token occurs")
    total = sum(counts)
    shares = [count / total for count in counts if count > 0]
    return -math.log(1 / len(counts)), math.fsum(p * -math.log(p) for p in shares)


def _entropy(counts: Sequence[float]) -> float:
    """In nats. Counts of 0 add nothing."""
    total = sum(counts)
    if not total:
        raise ValueError("no token occurs")
    return -sum(c / total * math.log(c / total) for c in counts if c)


@loss_at_init.right("with torch.special.entr, which is 0 at 0")
def by_torch(counts: Sequence[int]) -> Losses:
    if not any(counts):
        raise ValueError("no token occurs")
    wide = torch.tensor(counts, dtype=torch.float64)
    return math.log(len(counts)), float(torch.special.entr(wide / wide.sum()).sum())


@loss_at_init.right("ln total − Σ count · ln count / total")
def by_logs_of_counts(counts: Sequence[int]) -> Losses:
    total = sum(counts)
    if not total:
        raise ValueError("no token occurs")
    return math.log(len(counts)), math.log(total) - sum(c * math.log(c) for c in counts if c) / total


@loss_at_init.wrong("both losses have base 2, which gives bits: nats need the natural logarithm")
def bits(counts: Sequence[int]) -> Losses:
    return math.log2(len(counts)), _entropy(counts) / math.log(2)


@loss_at_init.wrong("the entropy has base 2, which gives bits: nats need the natural logarithm")
def entropy_in_bits(counts: Sequence[int]) -> Losses:
    return math.log(len(counts)), _entropy(counts) / math.log(2)


@loss_at_init.wrong("the first loss has base 2, which gives bits: nats need the natural logarithm")
def first_in_bits(counts: Sequence[int]) -> Losses:
    return math.log2(len(counts)), _entropy(counts)


@loss_at_init.wrong("only tokens that occur were counted: the model gives all tokens of the vocabulary probability")
def seen_tokens(counts: Sequence[int]) -> Losses:
    entropy = _entropy(counts)
    return math.log(sum(count > 0 for count in counts)), entropy


@loss_at_init.wrong("the logarithm of the text's length was taken: an untrained model chooses among the vocabulary")
def length_of_the_text(counts: Sequence[int]) -> Losses:
    entropy = _entropy(counts)
    return math.log(sum(counts)), entropy


@loss_at_init.wrong("0 · ln 0 gives NaN: leave out the tokens that do not occur")
def nan_at_zero(counts: Sequence[int]) -> Losses:
    if not any(counts):
        raise ValueError("no token occurs")
    p = torch.tensor(counts, dtype=torch.float64) / sum(counts)
    return math.log(len(counts)), float(-(p * p.log()).sum())


@loss_at_init.wrong("1 was added to every count: use the counts as they are")
def smoothed(counts: Sequence[int]) -> Losses:
    if not any(counts):
        raise ValueError("no token occurs")
    return math.log(len(counts)), _entropy([count + 1 for count in counts])


@loss_at_init.wrong("perplexities were returned: the loss is their logarithm")
def perplexities(counts: Sequence[int]) -> Losses:
    entropy = _entropy(counts)
    return float(len(counts)), math.exp(entropy)


@loss_at_init.wrong("the sign of the entropy is wrong: −ln p is positive")
def negative_entropy(counts: Sequence[int]) -> Losses:
    return math.log(len(counts)), -_entropy(counts)


@loss_at_init.wrong("the sign of the first loss is wrong: −ln (1 / vocabulary) is positive")
def negative_first(counts: Sequence[int]) -> Losses:
    entropy = _entropy(counts)
    return -math.log(len(counts)), entropy


@loss_at_init.wrong("the losses are in the wrong order: equally likely tokens come first")
def swapped(counts: Sequence[int]) -> Losses:
    entropy = _entropy(counts)
    return entropy, math.log(len(counts))


@loss_at_init.wrong("the mean was taken over the tokens that occur: weight each token by how often it occurs")
def unweighted(counts: Sequence[int]) -> Losses:
    seen = [count for count in counts if count]
    if not seen:
        raise ValueError("no token occurs")
    return math.log(len(counts)), -sum(math.log(count / sum(counts)) for count in seen) / len(seen)


@loss_at_init.wrong("the losses of all tokens of the text were added up: return the loss per token")
def summed(counts: Sequence[int]) -> Losses:
    return math.log(len(counts)), _entropy(counts) * sum(counts)


@loss_at_init.wrong("each count's −p · ln p was divided by the vocabulary again: the weights p add up to 1 already")
def divided_twice(counts: Sequence[int]) -> Losses:
    return math.log(len(counts)), _entropy(counts) / len(counts)


@loss_at_init.wrong("the most common token's −ln p was returned: take the mean over all tokens of the text")
def most_common(counts: Sequence[int]) -> Losses:
    if not any(counts):
        raise ValueError("no token occurs")
    return math.log(len(counts)), -math.log(max(counts) / sum(counts))


@loss_at_init.wrong("a text without tokens got the entropy 0: raise ValueError")
def zero_for_nothing(counts: Sequence[int]) -> Losses:
    return math.log(max(1, len(counts))), _entropy(counts) if any(counts) else 0.0
