"""The different words first, each encoded once; then the text is looked up."""

import functools
from collections.abc import Callable, Iterable
from itertools import chain

from reference import oracle
from reference.ch05_tokens.encode import encode
from reference.ch15_model.pretokenize import pretokenize
from reference.ch15_model.special_tokens import special_tokens

Merges = list[tuple[int, int]]
Specials = dict[str, int]


def _look_up(words: Iterable[str], merges: Merges, specials: Specials) -> list[int]:
    words = list(words)
    table = {word: encode(word, merges) for word in set(words) - set(specials)}
    table |= {special: [i] for special, i in specials.items()}
    return [i for word in words for i in table[word]]


def _words(piece: str, specials: Specials, split: Callable[[str], list[str]] = pretokenize.fn) -> list[str]:
    return [piece] if piece in specials else split(piece)


@oracle
def encode_text(text: str, merges: list[tuple[int, int]], specials: dict[str, int]) -> list[int]:
    pieces = special_tokens(text, list(specials))
    return _look_up((word for piece in pieces for word in _words(piece, specials)), merges, specials)


@encode_text.right("a cache of functools for the words of this call")
def with_a_cache(text: str, merges: Merges, specials: Specials) -> list[int]:
    @functools.cache
    def ids_of(word: str) -> list[int]:
        return encode(word, merges)

    def piece_ids(piece: str) -> Iterable[int]:
        if piece in specials:
            return [specials[piece]]
        return chain.from_iterable(map(ids_of, pretokenize(piece)))

    return list(chain.from_iterable(map(piece_ids, special_tokens(text, list(specials)))))


@encode_text.right("a dict of words that starts with the special tokens")
def specials_in_the_dict(text: str, merges: Merges, specials: Specials) -> list[int]:
    known = {special: [i] for special, i in specials.items()}
    pieces = special_tokens(text, list(specials))
    words = [word for piece in pieces for word in ([piece] if piece in specials else pretokenize(piece))]
    for word in words:
        if word not in known:
            known[word] = encode(word, merges)
    return [i for word in words for i in known[word]]


def _by_pieces(
    text: str,
    merges: Merges,
    specials: Specials,
    split: Callable[[str], list[str]] = pretokenize.fn,
) -> list[int]:
    """The oracle, with another way to split the text between special tokens."""
    pieces = special_tokens(text, list(specials))
    return _look_up((word for piece in pieces for word in _words(piece, specials, split)), merges, specials)


@encode_text.wrong("merges ran across the border of words: split the text with pretokenize, then encode each word")
def across_words(text: str, merges: Merges, specials: Specials) -> list[int]:
    return _by_pieces(text, merges, specials, lambda piece: [piece])


@encode_text.wrong("the special tokens were encoded as text: each has one id, in `specials`")
def specials_as_text(text: str, merges: Merges, specials: Specials) -> list[int]:
    return _look_up(pretokenize(text), merges, {})


@encode_text.wrong("the special tokens were left out: each gives its id, at its place")
def specials_left_out(text: str, merges: Merges, specials: Specials) -> list[int]:
    pieces = [piece for piece in special_tokens(text, list(specials)) if piece not in specials]
    return _look_up((word for piece in pieces for word in pretokenize(piece)), merges, {})


@encode_text.wrong("the special tokens got the ids after the merges: their ids are in `specials`")
def ids_after_the_merges(text: str, merges: Merges, specials: Specials) -> list[int]:
    return encode_text.fn(text, merges, {special: 256 + len(merges) + i for i, special in enumerate(specials)})


@encode_text.wrong("the text was split at whitespace, which is lost: pretokenize keeps the space with its word")
def split_at_spaces(text: str, merges: Merges, specials: Specials) -> list[int]:
    return _by_pieces(text, merges, specials, str.split)


@encode_text.wrong("the space before each word was stripped: it is a byte of the word")
def spaces_stripped(text: str, merges: Merges, specials: Specials) -> list[int]:
    return _by_pieces(text, merges, specials, lambda piece: [word.strip() for word in pretokenize(piece)])


@encode_text.wrong("spaces beside a special token were stripped: every character of the text stays")
def pieces_stripped(text: str, merges: Merges, specials: Specials) -> list[int]:
    return _by_pieces(text, merges, specials, lambda piece: pretokenize(piece.strip()))


@encode_text.wrong("a space was put before the text: encode the text as it is")
def prefix_space(text: str, merges: Merges, specials: Specials) -> list[int]:
    return _by_pieces(text, merges, specials, lambda piece: pretokenize(" " + piece))


@encode_text.wrong("a word that occurs again was left out: remember its ids, and add them at each place")
def each_word_once(text: str, merges: Merges, specials: Specials) -> list[int]:
    pieces = special_tokens(text, list(specials))
    words = [word for piece in pieces for word in _words(piece, specials)]
    return _look_up(dict.fromkeys(words), merges, specials)


@encode_text.wrong("the cache forgot the order: the ids came by word, and not in the order of the text")
def by_word(text: str, merges: Merges, specials: Specials) -> list[int]:
    pieces = special_tokens(text, list(specials))
    words = [word for piece in pieces for word in _words(piece, specials)]
    first = {word: i for i, word in reversed(list(enumerate(words)))}
    return _look_up(sorted(words, key=lambda word: first[word]), merges, specials)


@encode_text.wrong('the words were remembered without the space before them: " b" and "b" have different ids')
def cache_without_spaces(text: str, merges: Merges, specials: Specials) -> list[int]:
    known: dict[str, list[int]] = {}
    ids: list[int] = []
    for piece in special_tokens(text, list(specials)):
        if piece in specials:
            ids.append(specials[piece])
            continue
        for word in pretokenize(piece):
            key = word.strip() or word
            if key not in known:
                known[key] = encode(word, merges)
            ids += known[key]
    return ids


@encode_text.wrong("the text was read line by line: a run of newlines and spaces reaches over the end of a line")
def line_by_line(text: str, merges: Merges, specials: Specials) -> list[int]:
    lines = lambda piece: [word for line in piece.splitlines(keepends=True) for word in pretokenize(line)]
    return _by_pieces(text, merges, specials, lines)


@encode_text.wrong("the text was read in chunks of fixed length: their borders cut words, and special tokens, in two")
def fixed_chunks(text: str, merges: Merges, specials: Specials) -> list[int]:
    chunks = [text[i : i + 1024] for i in range(0, len(text), 1024)]
    pieces = [piece for chunk in chunks for piece in special_tokens(chunk, list(specials))]
    return _look_up((word for piece in pieces for word in _words(piece, specials)), merges, specials)


@encode_text.wrong("a list of ids for each word was returned: the contract asks for one list of ids")
def nested(text: str, merges: Merges, specials: Specials) -> list[list[int]]:
    words = [word for piece in special_tokens(text, list(specials)) for word in _words(piece, specials)]
    table = {word: _look_up([word], merges, specials) for word in set(words)}
    return [table[word] for word in words]
