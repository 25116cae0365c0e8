"""Words are strings with one character for each id, so that str.replace merges; each step counts everything again."""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise

from reference import oracle

Pair = tuple[int, int]
Text = tuple[str, int]  # a word, a character for each id, and how often it occurs


def _places(texts: Iterable[Text]) -> Counter[str]:
    return Counter({pair: n for pair, n in _all_places(texts).items() if n > 0})


def _all_places(texts: Iterable[Text]) -> dict[str, int]:
    found: dict[str, int] = {}
    for text, n in texts:
        for i in range(len(text) - 1):
            found[text[i : i + 2]] = found.get(text[i : i + 2], 0) + n
    return found


def _greatest(tally: Counter[str]) -> str:
    return sorted((n, pair) for pair, n in tally.items())[-1][1]


def _train(
    words: dict[str, int],
    steps: int,
    read: Callable[[str], str] = lambda word: word.encode().decode("latin-1"),
    count: Callable[[Iterable[Text]], Counter[str]] = _places,
    choose: Callable[[Counter[str]], str] = _greatest,
    first: int = 256,
    least: int = 1,
) -> list[Pair]:
    """`steps` merges; the other arguments are what a wrong answer does otherwise."""
    texts = [(read(word), n) for word, n in words.items()]
    merges = []
    for step in range(steps):
        tally = count(texts)
        if not tally:
            break
        best = choose(tally)
        if tally[best] < least:
            break
        texts = [(text.replace(best, chr(first + step)), n) for text, n in texts]
        merges.append((ord(best[0]), ord(best[1])))
    return merges


@oracle
def train_bpe(words: dict[str, int], vocab_size: int) -> list[tuple[int, int]]:
    if vocab_size < 256:
        raise ValueError("the vocabulary cannot hold the 256 bytes")
    return _train(words, vocab_size - 256)


def _checked(vocab_size: int) -> int:
    if vocab_size < 256:
        raise ValueError("the vocabulary cannot hold the 256 bytes")
    return vocab_size - 256


@train_bpe.right("lists of ids, merged by hand")
def by_lists(words: dict[str, int], vocab_size: int) -> list[Pair]:
    pieces = [list(word.encode()) for word in words for _ in range(words[word])]
    merges: list[Pair] = []
    while len(merges) < _checked(vocab_size):
        places = [(a, b) for piece in pieces for a, b in pairwise(piece)]
        if not places:
            break
        tally = Counter(places)
        pair = max(tally, key=lambda p: (tally[p], *p))
        for piece in pieces:
            i = 0
            while i < len(piece) - 1:
                if (piece[i], piece[i + 1]) == pair:
                    piece[i : i + 2] = [256 + len(merges)]
                i += 1
        merges.append(pair)
    return merges


@train_bpe.right("words that are already one token left out of the count")
def without_finished_words(words: dict[str, int], vocab_size: int) -> list[Pair]:
    def count(texts: Iterable[Text]) -> Counter[str]:
        return _places((text, n) for text, n in texts if len(text) > 1)

    return _train(words, _checked(vocab_size), count=count)


@train_bpe.wrong("the words were joined into one text: pairs across the border of two words were counted and merged")
def across_borders(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train({"".join(word * n for word, n in words.items()): 1}, _checked(vocab_size))


@train_bpe.wrong("the words were joined by spaces: pairs with a space were merged too, and they connect words")
def joined_by_spaces(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train({" ".join(word for word, n in words.items() for _ in range(n)): 1}, _checked(vocab_size))


@train_bpe.wrong("every word was counted once: a place in a word counts as often as the word occurs")
def ignores_the_counts(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(dict.fromkeys(words, 1), _checked(vocab_size))


@train_bpe.wrong("a pair was counted once per word that holds it: every place in the word counts")
def once_per_word(words: dict[str, int], vocab_size: int) -> list[Pair]:
    def count(texts: Iterable[Text]) -> Counter[str]:
        found: Counter[str] = Counter()
        for text, n in texts:
            found.update(dict.fromkeys([text[i : i + 2] for i in range(len(text) - 1)], n))
        return found

    return _train(words, _checked(vocab_size), count=count)


@train_bpe.wrong("overlapping places were counted once: 'aaa' holds (a, a) twice")
def without_overlap(words: dict[str, int], vocab_size: int) -> list[Pair]:
    def count(texts: Iterable[Text]) -> Counter[str]:
        texts = list(texts)
        found = {pair: sum(text.count(pair) * n for text, n in texts) for pair in _places(texts)}
        return Counter(found)

    return _train(words, _checked(vocab_size), count=count)


@train_bpe.wrong("in a tie the pair seen first won: the greatest tuple must win")
def first_seen(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), choose=lambda tally: tally.most_common(1)[0][0])


@train_bpe.wrong("in a tie the smallest pair won: the greatest tuple must win")
def smallest(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), choose=lambda tally: min(tally, key=lambda p: (-tally[p], p)))


@train_bpe.wrong("in a tie the pair seen last won: the greatest tuple must win")
def last_seen(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), choose=lambda tally: max(reversed(tally), key=lambda p: tally[p]))


@train_bpe.wrong("in a tie only the left ids were compared: (99, 98) is greater than (99, 97)")
def left_ids_only(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), choose=lambda tally: max(tally, key=lambda p: (tally[p], p[0])))


@train_bpe.wrong("in a tie the right ids were compared first: tuples are compared from the left")
def right_first(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), choose=lambda tally: max(tally, key=lambda p: (tally[p], p[::-1])))


@train_bpe.wrong("in a tie the pair whose bytes are greater won: the greatest tuple of ids must win")
def ties_by_bytes(words: dict[str, int], vocab_size: int) -> list[Pair]:
    tokens = [bytes([b]) for b in range(256)]

    def choose(tally: Counter[str]) -> str:
        best = max(tally, key=lambda p: (tally[p], tokens[ord(p[0])], tokens[ord(p[1])]))
        tokens.append(tokens[ord(best[0])] + tokens[ord(best[1])])
        return best

    return _train(words, _checked(vocab_size), choose=choose)


@train_bpe.wrong("characters were used, not bytes: 'é' is two bytes, 195 and 169, and ord('é') = 233 is neither")
def characters(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), read=lambda word: word)


@train_bpe.wrong("`vocab_size` merges were made: the 256 bytes are part of the vocabulary")
def as_many_merges(words: dict[str, int], vocab_size: int) -> list[Pair]:
    _checked(vocab_size)
    return _train(words, vocab_size)


@train_bpe.wrong("only bytes that occur were counted in the vocabulary: it has all 256 bytes")
def bytes_that_occur(words: dict[str, int], vocab_size: int) -> list[Pair]:
    _checked(vocab_size)
    return _train(words, vocab_size - len({b for word in words for b in word.encode()}))


@train_bpe.wrong("one merge is missing: with 256 bytes a vocabulary of 257 has one merge")
def one_short(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, max(_checked(vocab_size) - 1, 0))


@train_bpe.wrong("new ids started at 257: the bytes end at 255, so the first merge makes id 256")
def from_257(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), first=257)


@train_bpe.wrong("new ids started at 1, which is a byte: merge number i makes id 256 + i")
def ids_from_one(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), first=1)


@train_bpe.wrong("the pairs were counted only once, at the start: each merge changes pairs and makes new ones")
def counted_once(words: dict[str, int], vocab_size: int) -> list[Pair]:
    tally = _places((word.encode().decode("latin-1"), n) for word, n in words.items())
    ranked = sorted(((n, pair) for pair, n in tally.items()), reverse=True)
    return [(ord(pair[0]), ord(pair[1])) for _, pair in ranked[: _checked(vocab_size)]]


@train_bpe.wrong("the winner was added to the list but not merged: the next count finds the same pair again")
def never_merged(words: dict[str, int], vocab_size: int) -> list[Pair]:
    tally = _places((word.encode().decode("latin-1"), n) for word, n in words.items())
    best = [(ord(pair[0]), ord(pair[1])) for pair in [_greatest(tally)]] if tally else []
    return best * _checked(vocab_size)


@train_bpe.wrong("training stopped at pairs that occur once: go on as long as there is any pair")
def only_pairs_seen_twice(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), least=2)


@train_bpe.wrong("training did not stop when every word was one token: max of an empty list raises an error")
def needs_a_pair(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size), choose=lambda t: max(t, key=lambda p: (t[p], p)), count=_or_nothing)


class _Tally(Counter[str]):
    """A tally that is never taken for empty."""

    def __bool__(self) -> bool:
        return True


def _or_nothing(texts: Iterable[Text]) -> Counter[str]:
    return _Tally(_places(texts))


@train_bpe.wrong("a vocabulary below 256 was accepted: it cannot hold the bytes, so raise ValueError")
def any_size(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, max(vocab_size - 256, 0))


@train_bpe.wrong("one merge too many was made: with 256 bytes a vocabulary of 257 has one merge")
def one_more(words: dict[str, int], vocab_size: int) -> list[Pair]:
    return _train(words, _checked(vocab_size) + 1)
