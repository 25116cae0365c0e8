"""A nat is log2(e) bits, and bytes are counted from code points."""

import math

from reference import oracle


@oracle
def bits_per_byte(loss: float, tokens: int, text: str) -> float:
    return loss * math.log2(math.e) * tokens / _bytes(text)


def _bytes(text: str) -> int:
    """UTF-8's length: code points below 0x80 need 1 byte, below 0x800 two, below 0x10000 three, the others four."""
    if not text:
        raise ValueError("an empty text")
    return sum(1 + (point >= 0x80) + (point >= 0x800) + (point >= 0x10000) for point in map(ord, text))


@bits_per_byte.right("bits of a token, times tokens per byte")
def tokens_per_byte(loss: float, tokens: int, text: str) -> float:
    return loss / math.log(2) * (tokens / _bytes(text))


@bits_per_byte.right("nats of the text, over the nats of its bytes at one bit each")
def over_nats_of_a_bit(loss: float, tokens: int, text: str) -> float:
    return (loss * tokens) / (_bytes(text) * math.log(2))


@bits_per_byte.wrong("the loss was divided by characters: count bytes, `len(text.encode())`; é has 2 of them")
def by_characters(loss: float, tokens: int, text: str) -> float:
    _bytes(text)
    return loss * tokens / math.log(2) / len(text)


@bits_per_byte.wrong("the result is bits per token: multiply by the tokens and divide by the bytes")
def bits_per_token(loss: float, tokens: int, text: str) -> float:
    _bytes(text)
    return loss / math.log(2)


@bits_per_byte.wrong("the result is nats per byte: divide by ln 2 to get bits")
def in_nats(loss: float, tokens: int, text: str) -> float:
    return loss * tokens / _bytes(text)


@bits_per_byte.wrong("the loss was multiplied by ln 2: a nat is 1.44 bits, so divide")
def times_ln_2(loss: float, tokens: int, text: str) -> float:
    return loss * tokens * math.log(2) / _bytes(text)


@bits_per_byte.wrong("tokens and bytes were swapped: multiply by the tokens, divide by the bytes")
def upside_down(loss: float, tokens: int, text: str) -> float:
    size = _bytes(text)
    return loss / math.log(2) * size / tokens if tokens else 0.0


@bits_per_byte.wrong("the loss was not multiplied by the tokens: it is a mean per token, and the bytes are the text's")
def mean_over_bytes(loss: float, tokens: int, text: str) -> float:
    return loss / math.log(2) / _bytes(text)


@bits_per_byte.wrong("the perplexity was computed: exp(loss) counts tokens to choose from, not bits")
def perplexity(loss: float, tokens: int, text: str) -> float:
    _bytes(text)
    return math.exp(loss)


@bits_per_byte.wrong("one token was left out: `tokens` counts all tokens that `loss` is the mean of")
def one_token_less(loss: float, tokens: int, text: str) -> float:
    return loss * (tokens - 1) / math.log(2) / _bytes(text)


@bits_per_byte.wrong("the loss was divided by words: words are no common unit, bytes are")
def by_words(loss: float, tokens: int, text: str) -> float:
    _bytes(text)
    return loss * tokens / math.log(2) / max(1, len(text.split()))


@bits_per_byte.wrong("the bytes were counted in UTF-16: count them in UTF-8")
def in_utf_16(loss: float, tokens: int, text: str) -> float:
    _bytes(text)
    return loss * tokens / math.log(2) / len(text.encode("utf-16-le"))


@bits_per_byte.wrong("an empty text was accepted: it has no bytes, so raise ValueError")
def empty_accepted(loss: float, tokens: int, text: str) -> float:
    return bits_per_byte.fn(loss, tokens, text) if text else 0.0
