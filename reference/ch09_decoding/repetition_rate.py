"""Each n-gram is searched for in all n-grams before it."""

from collections import Counter
from itertools import pairwise

from reference import oracle

Gram = tuple[int, ...]


def _check(n: int) -> None:
    if n < 1:
        raise ValueError("n must be at least 1")


def _grams(tokens: list[int], n: int, stride: int = 1) -> list[Gram]:
    return [tuple(tokens[i : i + n]) for i in range(0, len(tokens) - n + 1, stride)]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


@oracle
def repetition_rate(tokens: list[int], n: int) -> float:
    _check(n)
    places = range(len(tokens) - n + 1)
    seen = [any(tokens[j : j + n] == tokens[i : i + n] for j in range(i)) for i in places]
    return _share(seen.count(True), len(seen))


@repetition_rate.right("by a Counter: all occurrences but one of each")
def by_counter(tokens: list[int], n: int) -> float:
    _check(n)
    tally = Counter(zip(*(tokens[i:] for i in range(n)), strict=False))
    return _share(sum(count - 1 for count in tally.values()), sum(tally.values()))


@repetition_rate.right("one walk with a set of the n-grams so far")
def by_a_walk(tokens: list[int], n: int) -> float:
    _check(n)
    seen: set[Gram] = set()
    repeated = 0
    for gram in _grams(tokens, n):
        repeated += gram in seen
        seen.add(gram)
    return _share(repeated, len(_grams(tokens, n)))


@repetition_rate.wrong("the share of new n-grams was returned: the share of repeated ones is 1 minus that")
def distinct_share(tokens: list[int], n: int) -> float:
    _check(n)
    grams = _grams(tokens, n)
    return _share(len(set(grams)), len(grams))


@repetition_rate.wrong("the first occurrence of a repeated n-gram was counted too: the first is new")
def all_that_recur(tokens: list[int], n: int) -> float:
    _check(n)
    tally = Counter(_grams(tokens, n))
    return _share(sum(c for c in tally.values() if c > 1), sum(tally.values()))


@repetition_rate.wrong("the share of different n-grams that occur again was returned: count each later occurrence")
def share_of_kinds(tokens: list[int], n: int) -> float:
    _check(n)
    tally = Counter(_grams(tokens, n))
    return _share(sum(c > 1 for c in tally.values()), len(tally))


@repetition_rate.wrong("each repeated n-gram was counted once, however often it occurs again")
def kinds_over_all(tokens: list[int], n: int) -> float:
    _check(n)
    tally = Counter(_grams(tokens, n))
    return _share(sum(c > 1 for c in tally.values()), sum(tally.values()))


@repetition_rate.wrong("the text was cut into n-grams side by side: they overlap, and one starts at every place")
def side_by_side(tokens: list[int], n: int) -> float:
    _check(n)
    grams = _grams(tokens, n, n)
    return _share(len(grams) - len(set(grams)), len(grams))


@repetition_rate.wrong("the count was divided by the number of tokens: there are n − 1 fewer n-grams than tokens")
def over_tokens(tokens: list[int], n: int) -> float:
    _check(n)
    grams = _grams(tokens, n)
    return _share(len(grams) - len(set(grams)), len(tokens))


@repetition_rate.wrong("single tokens were counted, whatever n is")
def single_tokens(tokens: list[int], n: int) -> float:
    _check(n)
    return repetition_rate.fn(tokens, 1) if len(tokens) >= n else 0.0


@repetition_rate.wrong("n-grams were compared as sets: the order and the number of the tokens matter")
def as_sets(tokens: list[int], n: int) -> float:
    _check(n)
    grams = [frozenset(gram) for gram in _grams(tokens, n)]
    return _share(len(grams) - len(set(grams)), len(grams))


@repetition_rate.wrong("tokens were joined to a text without a separator: 1 and 11 read like 11 and 1")
def joined(tokens: list[int], n: int) -> float:
    _check(n)
    grams = ["".join(map(str, gram)) for gram in _grams(tokens, n)]
    return _share(len(grams) - len(set(grams)), len(grams))


@repetition_rate.wrong("the tokens of each n-gram were sorted: (1, 2) and (2, 1) are different")
def in_any_order(tokens: list[int], n: int) -> float:
    _check(n)
    grams = [tuple(sorted(gram)) for gram in _grams(tokens, n)]
    return _share(len(grams) - len(set(grams)), len(grams))


@repetition_rate.wrong("an n-gram was compared only with the one just before it: it may have occurred anywhere before")
def neighbours_only(tokens: list[int], n: int) -> float:
    _check(n)
    grams = _grams(tokens, n)
    return _share(sum(a == b for a, b in pairwise(grams)), len(grams))


@repetition_rate.wrong("an n-gram was compared only with the one n places before: it may have occurred anywhere before")
def one_period_back(tokens: list[int], n: int) -> float:
    _check(n)
    grams = _grams(tokens, n)
    return _share(sum(a == b for a, b in zip(grams, grams[n:], strict=False)), len(grams))


@repetition_rate.wrong("the last n-gram was left out: there are len(tokens) − n + 1 of them")
def one_short(tokens: list[int], n: int) -> float:
    _check(n)
    grams = _grams(tokens[:-1], n)
    return _share(len(grams) - len(set(grams)), len(grams))


@repetition_rate.wrong("the number of repeated n-grams was returned: return their share of all")
def number(tokens: list[int], n: int) -> float:
    _check(n)
    grams = _grams(tokens, n)
    return float(len(grams) - len(set(grams)))


@repetition_rate.wrong("a text without n-grams led to a division by 0: its rate is 0.0")
def divides_by_none(tokens: list[int], n: int) -> float:
    _check(n)
    grams = _grams(tokens, n)
    return 1 - len(set(grams)) / len(grams)


@repetition_rate.wrong("only n = 0 was refused: a negative n is below 1 too; raise ValueError")
def zero_only(tokens: list[int], n: int) -> float:
    if n == 0:
        raise ValueError("n must be at least 1")
    return any_n(tokens, n)


@repetition_rate.wrong("an n below 1 was accepted: there are no 0-grams; raise ValueError")
def any_n(tokens: list[int], n: int) -> float:
    grams = _grams(tokens, n)
    return _share(len(grams) - len(set(grams)), len(grams))
