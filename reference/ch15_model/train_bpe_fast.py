"""Counts that are kept up to date, and a heap for the choice; tests/oracles compares it with the oracle of train_bpe.

Words are strings with one character for each id, so that str.replace merges.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import pairwise

from reference import oracle

Pair = tuple[int, int]
Counts = Counter[Pair]
Change = Callable[[str, str, Pair, int], Counts]


def _read(word: str) -> str:
    return word.encode().decode("latin-1")


def _pairs(text: str) -> list[Pair]:
    return list(pairwise(map(ord, text)))


def _checked(vocab_size: int) -> int:
    if vocab_size < 256:
        raise ValueError("the vocabulary cannot hold the 256 bytes")
    return vocab_size - 256


def _change(before: str, after: str, pair: Pair, new_id: int) -> Counts:
    """How often each pair stands in the word after a merge, minus how often it stood there before."""
    change = Counter(_pairs(after))
    change.subtract(_pairs(before))
    return change


def _with_a_heap(words: dict[str, int], steps: int, *, fresh: bool = True, falls: bool = True) -> list[Pair]:
    """`fresh`: entries with an old count are left out. `falls`: a pair whose count fell is entered again."""
    texts, times = [_read(word) for word in words], list(words.values())
    counts: Counts = Counter()
    holders: defaultdict[Pair, set[int]] = defaultdict(set)
    for i, text in enumerate(texts):
        for pair in _pairs(text):
            counts[pair] += times[i]
            holders[pair].add(i)
    heap = [(-n, -left, -right) for (left, right), n in counts.items()]
    heapq.heapify(heap)
    merges: list[Pair] = []
    while heap and len(merges) < steps:
        entry = heapq.heappop(heap)
        pair, new_id = (-entry[1], -entry[2]), 256 + len(merges)
        if counts[pair] == 0 or (fresh and counts[pair] != -entry[0]):
            continue
        changes: Counts = Counter()
        for i in list(holders[pair]):
            before, texts[i] = texts[i], texts[i].replace(chr(pair[0]) + chr(pair[1]), chr(new_id))
            for other, change in _change(before, texts[i], pair, new_id).items():
                changes[other] += change * times[i]
                if change > 0:
                    holders[other].add(i)
        for other, change in changes.items():
            counts[other] += change
            if change > 0 or (change < 0 and falls):
                heapq.heappush(heap, (-counts[other], -other[0], -other[1]))
        merges.append(pair)
    return merges


@oracle
def train_bpe_fast(words: dict[str, int], vocab_size: int) -> list[tuple[int, int]]:
    return _with_a_heap(words, _checked(vocab_size))


@train_bpe_fast.right("the pairs around each place, on a list that changes from left to right")
def around_each_place(words: dict[str, int], vocab_size: int) -> list[Pair]:
    pieces = [(list(word.encode()), n) for word, n in words.items()]
    counts: Counts = Counter()
    holders: defaultdict[Pair, set[int]] = defaultdict(set)

    def note(i: int, start: int, end: int, sign: int) -> None:
        """Count the pairs whose left id stands from `start` to `end` in piece i."""
        ids, n = pieces[i]
        for pair in pairwise(ids[max(start, 0) : end + 1]):
            counts[pair] += sign * n
            holders[pair].add(i)

    for i, (ids, _) in enumerate(pieces):
        note(i, 0, len(ids), 1)
    merges: list[Pair] = []
    while len(merges) < _checked(vocab_size) and any(counts.values()):
        best = _greatest(counts, merges)
        for i in list(holders[best]):
            ids, at = pieces[i][0], 0
            while at < len(ids) - 1:
                if (ids[at], ids[at + 1]) == best:
                    note(i, at - 1, at + 2, -1)
                    ids[at : at + 2] = [256 + len(merges)]
                    note(i, at - 1, at + 1, 1)
                at += 1
        merges.append(best)
    return merges


@train_bpe_fast.right("for each word with the pair, its pairs after the merge minus its pairs before")
def by_differences(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size))


def _greatest(counts: Counts, merges: list[Pair]) -> Pair:
    most = max(counts.values())
    return max(pair for pair, n in counts.items() if n == most)


def _train(
    words: dict[str, int],
    steps: int,
    *,
    read: Callable[[str], str] = _read,
    pairs: Callable[[str], Iterable[Pair]] = _pairs,
    change: Change = _change,
    choose: Callable[[Counts, list[Pair]], Pair] = _greatest,
    first: int = 256,
    least: int = 1,
    weighted: bool = True,
    indexed: bool = True,
    forgets: bool = False,
) -> list[Pair]:
    """`steps` merges; the options are what another answer does otherwise."""
    texts, times = [read(word) for word in words], list(words.values())
    counts: Counts = Counter()
    holders: defaultdict[Pair, dict[int, None]] = defaultdict(dict)
    for i, text in enumerate(texts):
        for pair in pairs(text):
            counts[pair] += times[i]
            holders[pair][i] = None
    merges: list[Pair] = []
    while counts and len(merges) < steps:
        best = choose(counts, merges)
        if counts[best] < least:
            break
        new_id = first + len(merges)
        chars = chr(best[0]) + chr(best[1])
        for i in list(holders[best]):
            before, texts[i] = texts[i], texts[i].replace(chars, chr(new_id))
            for pair, n in change(before, texts[i], best, new_id).items():
                counts[pair] += n * times[i] if weighted else n
                if n > 0 and indexed:
                    holders[pair][i] = None
                if n < 0 and forgets:
                    holders[pair].pop(i, None)
        merges.append(best)
    return merges


@train_bpe_fast.wrong(
    "the pairs that a merge broke up kept their counts: in x a b y the pairs (x, a) and (b, y) are gone"
)
def old_neighbors(words: dict[str, int], vocab_size: int) -> list[Pair]:
    def change(before: str, after: str, pair: Pair, new_id: int) -> Counts:
        return Counter({p: n for p, n in _change(before, after, pair, new_id).items() if n > 0 or p == pair})

    return _train(words, _checked(vocab_size), change=change)


@train_bpe_fast.wrong("the pairs that a merge made were not counted: in x ab y the pairs (x, ab) and (ab, y) are new")
def no_new_pairs(words: dict[str, int], vocab_size: int) -> list[Pair]:
    def change(before: str, after: str, pair: Pair, new_id: int) -> Counts:
        return Counter({p: n for p, n in _change(before, after, pair, new_id).items() if n < 0})

    return _train(words, _checked(vocab_size), change=change)


@train_bpe_fast.wrong("the merged pair kept its count, so it was merged again and again: it is gone from every word")
def merged_pair_stays(words: dict[str, int], vocab_size: int) -> list[Pair]:
    def change(before: str, after: str, pair: Pair, new_id: int) -> Counts:
        return Counter({p: n for p, n in _change(before, after, pair, new_id).items() if p != pair})

    return _train(words, _checked(vocab_size), change=change)


@train_bpe_fast.wrong(
    'the neighbors were those from before the merge: in "abab" the left neighbor of the second ab is the new id'
)
def neighbors_before_the_merge(words: dict[str, int], vocab_size: int) -> list[Pair]:
    def change(before: str, after: str, pair: Pair, new_id: int) -> Counts:
        ids, changed, i = list(map(ord, before)), Counter[Pair](), 0
        while i < len(ids) - 1:
            if (ids[i], ids[i + 1]) != pair:
                i += 1
                continue
            changed[pair] -= 1
            if i > 0:
                changed[ids[i - 1], pair[0]] -= 1
                changed[ids[i - 1], new_id] += 1
            if i + 2 < len(ids):
                changed[pair[1], ids[i + 2]] -= 1
                changed[new_id, ids[i + 2]] += 1
            i += 2
        return changed

    return _train(words, _checked(vocab_size), change=change)


@train_bpe_fast.wrong("only the first place in a word was corrected: the pair may stand there several times")
def first_place_only(words: dict[str, int], vocab_size: int) -> list[Pair]:
    def change(before: str, after: str, pair: Pair, new_id: int) -> Counts:
        return Counter({p: max(-1, min(n, 1)) for p, n in _change(before, after, pair, new_id).items()})

    return _train(words, _checked(vocab_size), change=change)


@train_bpe_fast.wrong("the counts changed by 1 for each place: they change by the number of times that the word occurs")
def changes_not_weighted(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), weighted=False)


@train_bpe_fast.wrong("the index is stale: a merge makes new pairs, and the word must be noted for each of them")
def stale_index(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), indexed=False)


@train_bpe_fast.wrong(
    "a word left the index of a pair as soon as one place was gone: the pair may stand in it elsewhere"
)
def leaves_the_index(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), forgets=True)


@train_bpe_fast.wrong("an old entry of the heap was used: compare it with the pair's count, and drop it if they differ")
def stale_heap(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _with_a_heap(words, _checked(vocab_size), fresh=False)


@train_bpe_fast.wrong("a pair whose count fell was lost: push it to the heap again, with its new count")
def lost_from_the_heap(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _with_a_heap(words, _checked(vocab_size), falls=False)


@train_bpe_fast.wrong("pairs were merged that are in no word any more: training ends when the greatest count is 0")
def merges_nothing(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), least=0)


@train_bpe_fast.wrong("in a tie the smallest pair won, as in a heap of (-count, pair): the greatest tuple must win")
def smallest(words: dict[str, int], vocab_size: int) -> list[Pair]:
    def choose(counts: Counts, merges: list[Pair]) -> Pair:
        most = max(counts.values())
        return min(pair for pair, n in counts.items() if n == most)

    return _train(words, _checked(vocab_size), choose=choose)


@train_bpe_fast.wrong("in a tie the pair seen first won: the greatest tuple must win")
def first_seen(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), choose=lambda counts, _: max(counts, key=lambda pair: counts[pair]))


@train_bpe_fast.wrong("in a tie the pair whose bytes are greater won: the greatest tuple of ids must win")
def ties_by_bytes(words: dict[str, int], vocab_size: int) -> list[Pair]:
    def choose(counts: Counts, merges: list[Pair]) -> Pair:
        tokens = [bytes([b]) for b in range(256)]
        for left, right in merges:
            tokens.append(tokens[left] + tokens[right])
        most = max(counts.values())
        return max((p for p in counts if counts[p] == most), key=lambda pair: (tokens[pair[0]], tokens[pair[1]]))

    return _train(words, _checked(vocab_size), choose=choose)


@train_bpe_fast.wrong("overlapping places were counted once: 'aaa' holds (a, a) twice")
def without_overlap(words: dict[str, int], vocab_size: int) -> list[Pair]:
    def pairs(text: str) -> list[Pair]:
        return [p for p in set(_pairs(text)) for _ in range(text.count(chr(p[0]) + chr(p[1])))]

    def change(before: str, after: str, pair: Pair, new_id: int) -> Counts:
        changed = Counter(pairs(after))
        changed.subtract(pairs(before))
        return changed

    return _train(words, _checked(vocab_size), pairs=pairs, change=change)


@train_bpe_fast.wrong("a pair was counted once per word that holds it: every place in the word counts")
def once_per_word(words: dict[str, int], vocab_size: int) -> list[Pair]:
    def change(before: str, after: str, pair: Pair, new_id: int) -> Counts:
        changed = Counter(set(_pairs(after)))
        changed.subtract(set(_pairs(before)))
        return changed

    return _train(words, _checked(vocab_size), pairs=lambda text: dict.fromkeys(_pairs(text)), change=change)


@train_bpe_fast.wrong("every word was counted once: a place in a word counts as often as the word occurs")
def ignores_the_counts(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _with_a_heap(dict.fromkeys(words, 1), _checked(vocab_size))


@train_bpe_fast.wrong("characters were used, not bytes: 'é' is two bytes, 195 and 169, and ord('é') = 233 is neither")
def characters(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), read=lambda word: word)


@train_bpe_fast.wrong("new ids started at 257: the bytes end at 255, so the first merge makes id 256")
def from_257(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), first=257)


@train_bpe_fast.wrong("`vocab_size` merges were made: the 256 bytes are part of the vocabulary")
def as_many_merges(words: dict[str, int], vocab_size: int) -> list[Pair]:
    _checked(vocab_size)
    return _train(words, vocab_size)


@train_bpe_fast.wrong("one merge is missing: with 256 bytes a vocabulary of 257 has one merge")
def one_short(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, max(_checked(vocab_size) - 1, 0))


@train_bpe_fast.wrong("training stopped at pairs that occur once: go on as long as there is any pair")
def only_pairs_seen_twice(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), least=2)


@train_bpe_fast.wrong("a vocabulary below 256 was accepted: it cannot hold the bytes, so raise ValueError")
def any_size(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, max(vocab_size - 256, 0))
