"""The tokenizer that nearly fits

A model is trained with one tokenizer and runs with another of the same size. Every id has its row in the embedding
table, nothing raises an error, and the answers get a little worse. For how much of a text does the model get different
tokens than in training?
"""

from itertools import accumulate


def token_drift(trained: list[tuple[int, bytes]], served: list[tuple[int, bytes]], rows: int) -> tuple[float, bool]:
    """(share of the text that is tokenized differently, whether every served id has a row).

    `trained` and `served` are the tokens of one text from the two tokenizers, in order, each with its id and its bytes.
    A byte of the text is tokenized alike if both tokenizers cover it with the same id, from the same start to the same
    end. All other bytes are tokenized differently. The share is 0.0 for an empty text. An id has a row in an embedding
    table of `rows` rows if it is from 0 to rows − 1.

        trained = [(256, b"ab"), (99, b"c"), (100, b"d")]
        served  = [(97, b"a"), (256, b"bc"), (100, b"d")]
        token_drift(trained, served, 257)  ->  (0.75, True)      of abcd only d is alike

    Raises ValueError if the bytes of the two lists are not the same text.
    """
    ### BEGIN SOLUTION
    if b"".join(data for _, data in trained) != b"".join(data for _, data in served):
        raise ValueError("these are tokens of two different texts")

    def stretches(tokens: list[tuple[int, bytes]]) -> set[tuple[int, int, int]]:
        ends = accumulate(len(data) for _, data in tokens)
        return {(i, end - len(data), end) for (i, data), end in zip(tokens, ends, strict=True)}

    size = sum(len(data) for _, data in trained)
    alike = sum(end - start for _, start, end in stretches(trained) & stretches(served))
    return (size - alike) / max(size, 1), all(0 <= i < rows for i, _ in served)
    ### END SOLUTION
