"""Encode by rank

A trained tokenizer is a list of merges. Encode a text as training would have done it: of all merges that apply anywhere
in the text, make the merge that training made first. Taking the longest token from the left is a different algorithm,
and gives different tokens.
"""

from itertools import pairwise


def merge(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    """`merge_pair`, given: every `pair` in `ids` becomes one `new_id`, from left to right."""
    text = "".join(map(chr, ids)).replace(chr(pair[0]) + chr(pair[1]), chr(new_id))
    return [ord(c) for c in text]


def encode(word: str, merges: list[tuple[int, int]]) -> list[int]:
    """The ids of `word`: its UTF-8 bytes, merged until no pair of neighbors is in `merges`.

    `merges` is the result of `train_bpe`: merge number i, counted from 0, makes id 256 + i. Of all pairs in the word,
    merge the pair that comes first in `merges`, at every place. Then look again.

        merges = [(98, 99), (97, 98)]                            256 is "bc", 257 is "ab"
        encode("abc", merges)  ->  [97, 256]                     a, bc: the merge of rank 0 comes first
        encode("abbc", merges) ->  [257, 256]                    ab, bc
        encode("é", merges)    ->  [195, 169]                    no merge: the bytes stay
    """
    raise NotImplementedError("your turn")
