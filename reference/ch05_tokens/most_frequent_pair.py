"""Counted by hand: every place is listed, and equal pairs are counted one by one."""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise

from reference import oracle

Pair = tuple[int, int]


@oracle
def most_frequent_pair(ids: list[int]) -> tuple[int, int] | None:
    places = [(ids[i], ids[i + 1]) for i in range(len(ids) - 1)]
    ranked = sorted((places.count(pair), pair) for pair in places)
    return ranked[-1][1] if ranked else None


def _winner(
    places: Iterable[Pair], order: Callable[[Pair], tuple[int, ...]] = lambda pair: pair, tie: int = 1
) -> Pair | None:
    """The commonest of `places`; `order` and the sign `tie` decide between equals."""
    tally = Counter(places)
    return max(tally, key=lambda pair: (tally[pair], [tie * x for x in order(pair)]), default=None)


@most_frequent_pair.right("all most frequent pairs kept, then the greatest taken")
def by_the_largest_count(ids: list[int]) -> Pair | None:
    tally: dict[Pair, int] = {}
    for pair in pairwise(ids):
        tally[pair] = tally.get(pair, 0) + 1
    return max((pair for pair, n in tally.items() if n == max(tally.values())), default=None)


@most_frequent_pair.right("from the greatest pair down, the first pair with the largest count")
def from_the_greatest(ids: list[int]) -> Pair | None:
    places = sorted(pairwise(ids), reverse=True)
    return max(places, key=places.count, default=None)


@most_frequent_pair.wrong("overlapping places were counted once: [7, 7, 7] holds (7, 7) twice, at places 0 and 1")
def without_overlap(ids: list[int]) -> Pair | None:
    places, taken = [], -1
    for i, (left, right) in enumerate(pairwise(ids)):
        if left == right and i == taken:
            continue
        places.append((left, right))
        taken = i + 1 if left == right else -1
    return _winner(places)


@most_frequent_pair.wrong(
    "in a tie the pair seen first was returned, as max and most_common do: return the greatest tuple"
)
def first_seen(ids: list[int]) -> Pair | None:
    return Counter(pairwise(ids)).most_common(1)[0][0] if len(ids) > 1 else None


@most_frequent_pair.wrong("in a tie the pair seen last was returned: return the greatest tuple")
def last_seen(ids: list[int]) -> Pair | None:
    tally = Counter(pairwise(ids))
    return max(reversed(tally), key=lambda pair: tally[pair], default=None)


@most_frequent_pair.wrong("in a tie the smallest pair was returned: return the greatest tuple")
def smallest(ids: list[int]) -> Pair | None:
    return _winner(pairwise(ids), tie=-1)


@most_frequent_pair.wrong("in a tie the right ids were compared first: tuples are compared from the left")
def right_first(ids: list[int]) -> Pair | None:
    return _winner(pairwise(ids), order=lambda pair: pair[::-1])


@most_frequent_pair.wrong("the ids were compared as text, where '9' is greater than '100': compare numbers")
def as_text(ids: list[int]) -> Pair | None:
    tally = Counter(pairwise(ids))
    return max(tally, key=lambda pair: (tally[pair], str(pair[0]), str(pair[1])), default=None)


@most_frequent_pair.wrong("the list was cut into separate pairs: a pair may start at every place but the last")
def cut_in_twos(ids: list[int]) -> Pair | None:
    return _winner(zip(ids[::2], ids[1::2], strict=False))


@most_frequent_pair.wrong("(1, 2) and (2, 1) were counted as one pair: 'to' and 'ot' are not the same token")
def either_order(ids: list[int]) -> Pair | None:
    tally = Counter(tuple(sorted(pair)) for pair in pairwise(ids))
    return _winner(pair for pair in pairwise(ids) for _ in range(tally[min(pair), max(pair)]))


@most_frequent_pair.wrong("the last id was paired with the first: a text ends at its last id")
def ring(ids: list[int]) -> Pair | None:
    return _winner(zip(ids, ids[1:] + ids[:1], strict=True)) if len(ids) > 1 else None


@most_frequent_pair.wrong("the last pair was left out: n ids have n − 1 pairs")
def one_place_short(ids: list[int]) -> Pair | None:
    return _winner(pairwise(ids[:-1]))


@most_frequent_pair.wrong(
    "the most frequent id and its most frequent right neighbor were returned: count pairs, not ids"
)
def commonest_id_first(ids: list[int]) -> Pair | None:
    if len(ids) < 2:
        return None
    tally = Counter(ids[:-1])
    left = max(tally, key=lambda x: (tally[x], x))
    return _winner(pair for pair in pairwise(ids) if pair[0] == left)


@most_frequent_pair.wrong("the count was returned with the pair: return only the pair")
def with_its_count(ids: list[int]) -> tuple[Pair | None, int]:
    tally = Counter(pairwise(ids))
    best = _winner(pairwise(ids))
    return best, tally[best] if best else 0


@most_frequent_pair.wrong("an error for a list without a pair: max of an empty list raises, so pass `default=None`")
def needs_a_pair(ids: list[int]) -> Pair:
    tally = Counter(pairwise(ids))
    return max(tally, key=lambda pair: (tally[pair], pair))


@most_frequent_pair.wrong("the two ids of each pair were sorted: (9, 1) and (1, 9) are different pairs")
def stored_sorted(ids: list[int]) -> Pair | None:
    return _winner((min(pair), max(pair)) for pair in pairwise(ids))


@most_frequent_pair.wrong("in a tie only the left ids were compared: (9, 2) is greater than (9, 1)")
def left_ids_only(ids: list[int]) -> Pair | None:
    return _winner(pairwise(ids), order=lambda pair: pair[:1])
