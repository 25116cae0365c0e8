"""Every merge in turn, in the order of training, on a string with one character for each id."""

from collections.abc import Callable
from itertools import pairwise

from reference import oracle

Pair = tuple[int, int]
Merges = list[Pair]


def _bytes(word: str) -> str:
    return word.encode().decode("latin-1")


def _in_turn(text: str, merges: Merges, first: int = 256, count: int = -1) -> list[int]:
    for i, (left, right) in enumerate(merges):
        text = text.replace(chr(left) + chr(right), chr(first + i), count)
    return [ord(c) for c in text]


@oracle
def encode(word: str, merges: list[tuple[int, int]]) -> list[int]:
    return _in_turn(_bytes(word), merges)


def _step_by_step(
    ids: list[int], merges: Merges, choose: Callable[[list[tuple[int, int]]], tuple[int, int]]
) -> list[int]:
    """One merge at a time: `choose` takes one of the (rank, place) that are possible."""
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    while possible := [(ranks[pair], i) for i, pair in enumerate(pairwise(ids)) if pair in ranks]:
        rank, i = choose(possible)
        ids = [*ids[:i], 256 + rank, *ids[i + 2 :]]
    return ids


def _spelled(merges: Merges) -> dict[bytes, int]:
    """Every token as bytes, with its id."""
    tokens = [bytes([b]) for b in range(256)]
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    return {token: i for i, token in reversed(list(enumerate(tokens)))}


@encode.right("the lowest rank, leftmost, one merge at a time")
def one_at_a_time(word: str, merges: Merges) -> list[int]:
    return _step_by_step(list(word.encode()), merges, min)


@encode.right("as tiktoken: two neighbors merge if their bytes together are a token, lowest id first")
def by_joined_bytes(word: str, merges: Merges) -> list[int]:
    ids = _spelled(merges)
    parts = [bytes([b]) for b in word.encode()]
    while True:
        possible = [(ids[a + b], i) for i, (a, b) in enumerate(pairwise(parts)) if a + b in ids]
        if not possible:
            return [ids[part] for part in parts]
        _, i = min(possible)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


@encode.wrong("the longest token was taken from the left: tokens are made by merges, in the order of the list")
def longest_match(word: str, merges: Merges) -> list[int]:
    ids, rest, out = _spelled(merges), word.encode(), []
    while rest:
        length = max(n for n in range(1, len(rest) + 1) if rest[:n] in ids)
        out.append(ids[rest[:length]])
        rest = rest[length:]
    return out


def _pair_by_pair(word: str, merges: Merges, choose: Callable[[list[int]], int]) -> list[int]:
    """One pair at a time, at every place: `choose` takes one of the ranks that stand in the word, from the left."""
    text = _bytes(word)
    while ranks := [merges.index(pair) for pair in pairwise(map(ord, text)) if pair in merges]:
        left, right = merges[rank := choose(ranks)]
        text = text.replace(chr(left) + chr(right), chr(256 + rank))
    return [ord(c) for c in text]


@encode.wrong("the leftmost pair was merged first: the earliest merge comes first, at any place")
def leftmost_first(word: str, merges: Merges) -> list[int]:
    return _pair_by_pair(word, merges, lambda ranks: ranks[0])


@encode.wrong("the latest merge was made first: the merge with the lowest rank comes first")
def latest_first(word: str, merges: Merges) -> list[int]:
    return _pair_by_pair(word, merges, max)


@encode.wrong("the rightmost pair was merged first: the earliest merge comes first, at any place")
def rightmost_first(word: str, merges: Merges) -> list[int]:
    return _pair_by_pair(word, merges, lambda ranks: ranks[-1])


@encode.wrong("the most frequent pair was merged first, as in training: the merge with the lowest rank comes first")
def most_frequent_first(word: str, merges: Merges) -> list[int]:
    return _pair_by_pair(word, merges, lambda ranks: max(ranks, key=ranks.count))


@encode.wrong("the merge ran from the right: 'aaa' becomes [aa, a], with the left pair merged")
def from_the_right(word: str, merges: Merges) -> list[int]:
    return _step_by_step(list(word.encode()), merges, lambda possible: min(possible, key=lambda p: (p[0], -p[1])))


@encode.wrong("pairs were merged in either order: 'ba' and 'ab' are different pairs")
def either_order(word: str, merges: Merges) -> list[int]:
    text = _bytes(word)
    ranks: dict[Pair, int] = {}
    for rank, (left, right) in enumerate(merges):
        ranks.setdefault((left, right), rank)
        ranks.setdefault((right, left), rank)
    while known := [pair for pair in pairwise(map(ord, text)) if pair in ranks]:
        best = min(known, key=lambda pair: ranks[pair])
        text = text.replace("".join(map(chr, best)), chr(256 + ranks[best]))
    return [ord(c) for c in text]


@encode.wrong("merging stopped at two ids: these two may be a pair of the list too")
def stops_at_two(word: str, merges: Merges) -> list[int]:
    text = _bytes(word)
    for i, (left, right) in enumerate(merges):
        if len(text) > 2:
            text = text.replace(chr(left) + chr(right), chr(256 + i))
    return [ord(c) for c in text]


@encode.wrong("the fewest tokens were searched for: BPE follows its merges, even if fewer tokens are possible")
def fewest_tokens(word: str, merges: Merges) -> list[int]:
    ids, data = _spelled(merges), word.encode()
    best: list[list[int]] = [[]]
    for end in range(1, len(data) + 1):
        ways = [[*best[start], ids[data[start:end]]] for start in range(end) if data[start:end] in ids]
        best.append(min(ways, key=len))
    return best[-1]


@encode.wrong("each merge was made at one place only: make it at every place")
def once_each(word: str, merges: Merges) -> list[int]:
    return _in_turn(_bytes(word), merges, count=1)


@encode.wrong("only the earliest merge was made: go on until no pair of neighbors is in the list")
def one_merge(word: str, merges: Merges) -> list[int]:
    for i, (left, right) in enumerate(merges):
        if chr(left) + chr(right) in _bytes(word):
            return [ord(c) for c in _bytes(word).replace(chr(left) + chr(right), chr(256 + i))]
    return list(word.encode())


@encode.wrong("only pairs of bytes were merged: merged tokens can be merged again")
def bytes_only(word: str, merges: Merges) -> list[int]:
    text = _bytes(word)
    for i, (left, right) in enumerate(merges):
        if max(left, right) < 256:
            text = text.replace(chr(left) + chr(right), chr(256 + i))
    return [ord(c) for c in text]


@encode.wrong("the word was read from left to right, and every known pair was merged: go by rank, not by place")
def sweeps(word: str, merges: Merges) -> list[int]:
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    ids, before = list(word.encode()), None
    while ids != before:
        before, out, i = ids, [], 0
        while i < len(ids):
            rank = ranks.get((ids[i], ids[i + 1])) if i + 1 < len(ids) else None
            out.append(ids[i] if rank is None else 256 + rank)
            i += 1 if rank is None else 2
        ids = out
    return ids


@encode.wrong("the rank was returned as the id: merge number i makes id 256 + i")
def ranks_for_ids(word: str, merges: Merges) -> list[int]:
    return [x - 256 if x > 255 else x for x in _in_turn(_bytes(word), merges)]


@encode.wrong("merge number i made id 257 + i: the bytes end at 255, so the first merge makes id 256")
def one_too_high(word: str, merges: Merges) -> list[int]:
    return [x + 1 if x > 255 else x for x in _in_turn(_bytes(word), merges)]


@encode.wrong("characters were used, not bytes: 'é' is two bytes, 195 and 169, and ord('é') = 233 is neither")
def characters(word: str, merges: Merges) -> list[int]:
    return _in_turn(word, merges)


@encode.wrong("only ASCII was encoded: word.encode() gives UTF-8, which has bytes for every character")
def ascii_only(word: str, merges: Merges) -> list[int]:
    return _in_turn(word.encode("ascii", "replace").decode(), merges)


@encode.wrong("the bytes of the tokens were returned: the contract asks for the ids")
def as_bytes(word: str, merges: Merges) -> list[bytes]:
    tokens = {i: token for token, i in _spelled(merges).items()}
    return [tokens[i] for i in _in_turn(_bytes(word), merges)]
