"""Which letters does a model see?

A model gets ids. It can learn that id 81 is the letter r. But nothing in its input says that id 15717, "berry",
contains two r's. For a text that is cut into tokens, count which letters stand alone and which are hidden.
"""


def letters_in_tokens(tokens: list[bytes]) -> dict[str, tuple[int, int]]:
    """For every character of the text: (how often it is a token of its own, how often it is hidden).

    `tokens` are the text's tokens as bytes, in order. None of them is empty, and joined they are UTF-8. A character is
    a token of its own if one token holds its bytes and nothing else. Otherwise it is hidden: inside a longer token, or
    spread over several. Spaces are characters, and "R" and "r" are different characters.

        letters_in_tokens([b"ra", b"r"])       ->  {"r": (1, 1), "a": (0, 1)}
        letters_in_tokens([b"\\xc3", b"\\xa9"])  ->  {"é": (0, 1)}    two tokens, and neither is é

    Raises ValueError if the joined bytes are not UTF-8 (UnicodeDecodeError is such an error).
    """
    raise NotImplementedError("your turn")
