"""As training did it: each token in its turn is joined at every place. The repairs cut words in other ways."""

import math
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import pairwise

import torch
from torch import Tensor

from reference import PLANTED, oracle
from reference.ch05_tokens.encode import encode
from reference.ch15_model.bits_per_byte import bits_per_byte
from reference.ch15_model.model_logits import model_logits
from reference.ch15_model.pretokenize import pretokenize
from reference.ch15_model.special_tokens import special_tokens
from reference.small import END, HEADS, KV_HEADS, merges, model_weights, story
from reference.symptom import Counts, Symptom, Text

Specials = dict[str, int]


@oracle
def hunt_strange_ids(texts: list[str], tokens: list[bytes], specials: Specials) -> list[list[int]]:
    return _served(texts, tokens, specials, _as_trained)


def _served(
    texts: list[str], tokens: list[bytes], specials: Specials, cut: Callable[[bytes, dict[bytes, int]], list[bytes]]
) -> list[list[int]]:
    """The ids of each text. `cut` makes the tokens of a word."""
    ids = {token: i for i, token in enumerate(tokens)}

    @cache
    def of_piece(piece: str) -> list[int]:
        return [specials[piece]] if piece in specials else [ids[part] for part in cut(piece.encode(), ids)]

    return [[i for piece in _pieces(text, specials) for i in of_piece(piece)] for text in texts]


def _pieces(text: str, specials: Specials) -> list[str]:
    """The special tokens and the words of a text, in order."""
    cut = special_tokens(text, list(specials))
    return [piece for part in cut for piece in ([part] if part in specials else pretokenize(part))]


def _bytes(word: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in word]


def _as_trained(word: bytes, ids: dict[bytes, int]) -> list[bytes]:
    parts = _bytes(word)
    for token in sorted((token for token in ids if len(token) > 1 and token in word), key=ids.__getitem__):
        joined = list[bytes]()
        for part in parts:
            if joined and joined[-1] + part == token:
                joined[-1] = token
            else:
                joined.append(part)
        parts = joined
    return parts


# Other ways to cut a word. An `Order` says which of two places is joined first: the one with the smaller key. It gets
# the id and the bytes of the token that the place would become, and the place.

Order = Callable[[int, bytes, int], tuple[int | bytes, ...]]


def _joined(order: Order) -> Callable[[bytes, dict[bytes, int]], list[bytes]]:
    """Cuts a word: join the first place by this order, as long as there is one."""

    def cut(word: bytes, ids: dict[bytes, int]) -> list[bytes]:
        parts = _bytes(word)
        while places := [(i, left + right) for i, (left, right) in enumerate(pairwise(parts)) if left + right in ids]:
            place, token = min(places, key=lambda found: order(ids[found[1]], found[1], found[0]))
            parts[place : place + 2] = [token]
        return parts

    return cut


def _largest_id_first(number: int, token: bytes, place: int) -> tuple[int, int]:
    return -number, place


@hunt_strange_ids.right("the neighbors whose token has the smallest id, one place after the other")
def smallest_id_first(texts: list[str], tokens: list[bytes], specials: Specials) -> list[list[int]]:
    return _served(texts, tokens, specials, _joined(lambda number, token, place: (number, place)))


@hunt_strange_ids.right("the merges found again, token by token, and then `encode` with these merges")
def merges_found_again(texts: list[str], tokens: list[bytes], specials: Specials) -> list[list[int]]:
    pairs = list[tuple[int, int]]()
    for i in range(256, len(tokens)):
        left, right = _as_trained(tokens[i], {token: number for number, token in enumerate(tokens[:i])})
        pairs.append((tokens.index(left), tokens.index(right)))

    @cache
    def of_piece(piece: str) -> list[int]:
        return [specials[piece]] if piece in specials else encode(piece, pairs)

    return [[i for piece in _pieces(text, specials) for i in of_piece(piece)] for text in texts]


@hunt_strange_ids.right("the neighbors whose token has the smallest id, all their places in one go")
def all_places_at_once(texts: list[str], tokens: list[bytes], specials: Specials) -> list[list[int]]:
    def cut(word: bytes, ids: dict[bytes, int]) -> list[bytes]:
        parts = _bytes(word)
        while found := [ids[left + right] for left, right in pairwise(parts) if left + right in ids]:
            token, joined = tokens[min(found)], list[bytes]()
            for part in parts:
                if joined and joined[-1] + part == token:
                    joined[-1] = token
                else:
                    joined.append(part)
            parts = joined
        return parts

    return _served(texts, tokens, specials, cut)


@hunt_strange_ids.wrong(PLANTED)
def planted(texts: list[str], tokens: list[bytes], specials: Specials) -> list[list[int]]:
    return _served(texts, tokens, specials, _joined(_largest_id_first))


@hunt_strange_ids.wrong(
    "the longest token was joined first, or the leftmost place, which is the same: training had another order"
)
def longest_first(texts: list[str], tokens: list[bytes], specials: Specials) -> list[list[int]]:
    return _served(texts, tokens, specials, _joined(lambda number, token, place: (-len(token), place)))


@hunt_strange_ids.wrong("the rightmost place was joined first: training had another order")
def rightmost_first(texts: list[str], tokens: list[bytes], specials: Specials) -> list[list[int]]:
    return _served(texts, tokens, specials, _joined(lambda number, token, place: (-place,)))


@hunt_strange_ids.wrong("the length comes first, and only equally long tokens are ordered by their ids")
def length_and_then_id(texts: list[str], tokens: list[bytes], specials: Specials) -> list[list[int]]:
    return _served(texts, tokens, specials, _joined(lambda number, token, place: (-len(token), number, place)))


@hunt_strange_ids.wrong(
    "the last place of equal neighbors was joined first: of places that overlap, the left one counts"
)
def last_place_first(texts: list[str], tokens: list[bytes], specials: Specials) -> list[list[int]]:
    return _served(texts, tokens, specials, _joined(lambda number, token, place: (number, -place)))


@hunt_strange_ids.wrong(
    "the tokens were taken in the order of their bytes: a sorted list has lost the order of training"
)
def sorted_by_bytes(texts: list[str], tokens: list[bytes], specials: Specials) -> list[list[int]]:
    return _served(texts, tokens, specials, _joined(lambda number, token, place: (token, place)))


@hunt_strange_ids.wrong(
    "the shortest token was joined first: early tokens are often short, but the order is another one"
)
def shortest_first(texts: list[str], tokens: list[bytes], specials: Specials) -> list[list[int]]:
    return _served(texts, tokens, specials, _joined(lambda number, token, place: (len(token), place)))


@hunt_strange_ids.wrong(
    "the neighbors that are most frequent in these texts were joined first: training counted its own"
)
def most_frequent_first(texts: list[str], tokens: list[bytes], specials: Specials) -> list[list[int]]:
    tally = Counter(
        left + right
        for text in texts
        for word in _pieces(text, specials)
        for left, right in pairwise(_bytes(word.encode()))
    )
    return _served(texts, tokens, specials, _joined(lambda number, token, place: (-tally[token], number, place)))


@hunt_strange_ids.wrong(
    "the longest token from the left was cut off, again and again: these ids differ from training's too"
)
def longest_from_the_left(texts: list[str], tokens: list[bytes], specials: Specials) -> list[list[int]]:
    def cut(word: bytes, ids: dict[bytes, int]) -> list[bytes]:
        if not word:
            return []
        size = next(size for size in range(len(word), 0, -1) if word[:size] in ids)
        return [word[:size], *cut(word[size:], ids)]

    return _served(texts, tokens, specials, cut)


@hunt_strange_ids.wrong("words that are a token were looked up, and all other words are still cut as before")
def whole_words_looked_up(texts: list[str], tokens: list[bytes], specials: Specials) -> list[list[int]]:
    cut = _joined(_largest_id_first)
    return _served(texts, tokens, specials, lambda word, ids: [word] if word in ids else cut(word, ids))


@hunt_strange_ids.wrong("nothing is joined any more: every id is known, and the text has far more ids than in training")
def only_bytes(texts: list[str], tokens: list[bytes], specials: Specials) -> list[list[int]]:
    return _served(texts, tokens, specials, lambda word, ids: _bytes(word))


SPECIALS = {"<|end|>": END}
RARE = 1e-3  # a probability that surprises


@hunt_strange_ids.symptom("loss of the small model on a story that no training saw, in bits a byte")
def symptom(run: Callable[..., list[list[int]]], seed: int) -> Symptom:
    tokens, told = _tokens(), story(seed)
    [served] = run([f"<|end|>{told}<|end|>"], tokens, SPECIALS)
    nats = _losses(served)
    surprising = float((nats > -math.log(RARE)).sum())
    return Symptom(
        bits_per_byte(float(nats.mean()), len(nats), told),
        (
            Text("the beginning of the story, in tokens", "|".join(tokens[i].decode() for i in served[1:40])),
            Counts(
                "tokens of the story", {"all": float(len(nats)), "less probable than 1 in 1,000": surprising}, "tokens"
            ),
        ),
    )


def _losses(row: list[int]) -> Tensor:
    """The small model's loss for each id of a text but the first, in nats."""
    ids = torch.tensor([row])
    log_p = torch.log_softmax(model_logits(ids, model_weights(), HEADS, KV_HEADS)[0, :-1], -1)
    return -log_p.gather(1, ids[0, 1:, None])[:, 0]


def _tokens() -> list[bytes]:
    """The bytes of each id of the small model, without special tokens."""
    tokens = [bytes([byte]) for byte in range(256)]
    for left, right in merges():
        tokens.append(tokens[left] + tokens[right])
    return tokens
