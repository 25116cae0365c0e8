"""Train a tokenizer

Training is a loop around the last two koans: find the most frequent pair, merge it everywhere, add it to the list, and
ask again. The loop runs on words, each with the number of times it occurs. So no token ever crosses the border between
two words.
"""

from collections import Counter
from itertools import pairwise


def merge(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    """`merge_pair`, given: every `pair` in `ids` becomes one `new_id`, from left to right."""
    text = "".join(map(chr, ids)).replace(chr(pair[0]) + chr(pair[1]), chr(new_id))
    return [ord(c) for c in text]


def train_bpe(words: dict[str, int], vocab_size: int) -> list[tuple[int, int]]:
    """The merges of byte-pair encoding, in the order in which they were made.

    `words` says how often each word occurs. A word starts as its UTF-8 bytes. Ids 0 to 255 are the bytes, and merge
    number i makes id 256 + i. Each step merges the pair that is most frequent at that time; each place in a word counts
    as often as the word occurs. If pairs tie, the greatest tuple wins. Training ends when there are `vocab_size` ids,
    including the 256 bytes, or when no pair is left. A pair that occurs once is merged too.

        train_bpe({"low": 2, "lot": 1}, 258)  ->  [(108, 111), (256, 119)]
            l o stand together 3 times: id 256 is "lo". Then (256, 119) "low" twice, (256, 116) "lot" once.

    Raises ValueError if `vocab_size` is below 256, because the bytes alone need 256 ids.
    """
    raise NotImplementedError("your turn")
