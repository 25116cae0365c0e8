"""Back to text

Decoding needs no search: a token is bytes, and the text is all of them in a row. The trouble is that the bytes of one
letter may lie in two tokens, and a model may stop, or be cut off, between them.
"""


def decode(ids: list[int], merges: list[tuple[int, int]]) -> str:
    """The text of `ids`, by the merges of `train_bpe`: number i joins the bytes of its two ids to those of id 256 + i.

    All bytes together are read as UTF-8. What is no UTF-8 is replaced, as Python's errors="replace" does, by U+FFFD,
    and never raises.

        merges = [(195, 169), (102, 256)]                        256 is "é", 257 is "fé"
        decode([99, 97, 102, 256], merges)  ->  "café"
        decode([195, 169], merges)          ->  "é"              two tokens, one letter
        decode([97, 195], merges)           ->  "a\\ufffd"        the first half of a letter

    Raises LookupError (KeyError and IndexError are such) for an id that the table does not have, and negative ids are
    not in it.
    """
    raise NotImplementedError("your turn")
