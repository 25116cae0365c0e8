"""Back to text

Decoding needs no search: a token is bytes, and the text is the bytes of all tokens in a row. But the bytes of one
letter may be in two tokens, and a model may stop between them, or its output may be cut there.
"""


def decode(ids: list[int], merges: list[tuple[int, int]]) -> str:
    """The text of `ids`. `merges` is what `train_bpe` returns: merge number i joins its two ids to id 256 + i.

    All bytes together are read as UTF-8. Bytes that are not UTF-8 become U+FFFD, as with Python's errors="replace",
    and never raise an error.

        merges = [(195, 169), (102, 256)]                        256 is "é", 257 is "fé"
        decode([99, 97, 102, 256], merges)  ->  "café"
        decode([195, 169], merges)          ->  "é"              two tokens, one letter
        decode([97, 195], merges)           ->  "a\\ufffd"        the first half of a letter

    Raises LookupError (KeyError and IndexError are such errors) for an id that is not in the table. Negative ids are
    not in the table.
    """
    ### BEGIN SOLUTION
    vocab = {i: bytes([i]) for i in range(256)}
    for left, right in merges:
        vocab[len(vocab)] = vocab[left] + vocab[right]
    return b"".join(vocab[i] for i in ids).decode("utf-8", errors="replace")
    ### END SOLUTION
