"""A loss that two tokenizers share

Another tokenizer cuts the same text into more or fewer tokens. With more tokens each one is easier to guess, so losses
per token do not compare. The bytes of the text are the same for every tokenizer.
"""

import math


def bits_per_byte(loss: float, tokens: int, text: str) -> float:
    """How many bits the model needs for a byte of `text`, in UTF-8.

    `loss` is the mean cross-entropy in nats per token, over all `tokens` tokens of the text. A nat is 1 / ln 2 bits.

        bits_per_byte(2 * math.log(2), 3, "aé!")  ->  1.5      3 tokens of 2 bits are 6 bits; a, é and ! are 4 bytes

    Raises ValueError if the text is empty.
    """
    raise NotImplementedError("your turn")
