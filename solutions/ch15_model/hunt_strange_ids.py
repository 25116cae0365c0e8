"""The model guesses worse when it is served

The tokenizer was trained once, and the model learned from its ids. A new server has the same list of tokens and the
same model. Its ids decode to the right text, and no error is raised. But the model needs many more bits for a byte, and
ids stand side by side that never did so in training.
"""

from itertools import pairwise

from exercises.ch15_model.pretokenize import pretokenize
from exercises.ch15_model.special_tokens import special_tokens


def hunt_strange_ids(texts: list[str], tokens: list[bytes], specials: dict[str, int]) -> list[list[int]]:
    """The ids of each text, the same as in training.

    `tokens` are the bytes of all ids from 0, no two alike: first the 256 single bytes in order, then the tokens that
    training made, in the order in which it made them. `specials` maps special tokens to their ids. What stands between
    them is split by `pretokenize`, and no token crosses the border of a word. Training made one
    token after the other: it joined the two parts of a token at every place of all words before it made the next token.
    The ids are those that training would have made of the text. Where places overlap, as in "aaa", the left one is
    joined.

        tokens = [...256 bytes, b"bc", b"ab", b"abb"]       256 is "bc", 257 is "ab", 258 is "abb"
        ["ab"]       ->  [[257]]
        ["abc a"]    ->  [[97, 256, 32, 97]]       a bc: training joined b and c before it made ab
        ["abbabc"]   ->  [[258, 97, 256]]          a b b a bc, then ab b a bc, then abb a bc
    """
    ids = {token: i for i, token in enumerate(tokens)}
    known: dict[str, list[int]] = {}
    served = []
    for text in texts:
        row: list[int] = []
        for piece in special_tokens(text, list(specials)):
            if piece in specials:
                row.append(specials[piece])
                continue
            for word in pretokenize(piece):
                if word not in known:
                    known[word] = [ids[part] for part in _parts(word.encode(), ids)]
                row += known[word]
        served.append(row)
    return served


def _parts(word: bytes, ids: dict[bytes, int]) -> list[bytes]:
    """The tokens of a word: its bytes, joined until no two neighbors are a token together."""
    parts = [word[i : i + 1] for i in range(len(word))]
    while True:
        joined = [left + right for left, right in pairwise(parts)]
        places = [i for i, token in enumerate(joined) if token in ids]
        if not places:
            return parts
        ### BEGIN BUG
        best = min(places, key=lambda i: ids[joined[i]])
        ### PLANTED
        # best = max(places, key=lambda i: ids[joined[i]])
        ### END BUG
        parts[best : best + 2] = [joined[best]]
